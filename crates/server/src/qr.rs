//! QR codes of key URIs, for authenticators to scan. They hold the key: shown once, never kept.

use countersign_identity::Secret;
use qrcode::render::{svg, unicode};
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around a code that readers need (ISO/IEC 18004, section 6.3.8).
const QUIET_MODULES: usize = 4;
/// Pixels of a module's edge in a PNG: the bits of one byte.
const MODULE_PIXELS: usize = 8;
/// Least edge of an SVG picture.
const SVG_PIXELS_MIN: u32 = 240;

/// How a code is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// As SVG text.
    Svg,
    /// As PNG, in Base64.
    Png,
}

impl Picture {
    /// The picture with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }

    /// The field of an answer that holds it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Svg => "qr_svg",
            Self::Png => "qr_png",
        }
    }

    /// Draws a text; `None` for one that is too long for a code.
    pub fn draw(self, text: &Secret) -> Option<String> {
        let code = encode(text)?;
        match self {
            Self::Svg => {
                let mut renderer = code.render::<svg::Color<'_>>();
                Some(renderer.min_dimensions(SVG_PIXELS_MIN, SVG_PIXELS_MIN).build())
            }
            Self::Png => png(&code).map(|bytes| data_encoding::BASE64.encode(&bytes)),
        }
    }
}

/// A code in characters of two modules each, for terminals with a dark background.
pub fn in_characters(text: &Secret) -> Option<String> {
    let code = encode(text)?;
    let mut renderer = code.render::<unicode::Dense1x2>();
    Some(renderer.dark_color(unicode::Dense1x2::Light).light_color(unicode::Dense1x2::Dark).build())
}

fn encode(text: &Secret) -> Option<QrCode> {
    QrCode::with_error_correction_level(text.expose(), EcLevel::M).ok()
}

/// One bit for each pixel, so that a module is one byte wide.
fn png(code: &QrCode) -> Option<Vec<u8>> {
    let light = u8::MAX;
    let row = |modules: &[Color]| {
        let quiet = [light; QUIET_MODULES];
        let modules = modules.iter().map(|module| if *module == Color::Dark { 0 } else { light });
        let row: Vec<u8> = quiet.into_iter().chain(modules).chain(quiet).collect();
        row.repeat(MODULE_PIXELS)
    };
    let margin = vec![Color::Light; code.width()];
    let margins = row(&margin).repeat(QUIET_MODULES);
    let colors = code.to_colors();
    let body = colors.chunks(code.width()).flat_map(row);
    let pixels: Vec<u8> = margins.iter().copied().chain(body).chain(margins.iter().copied()).collect();
    let edge = u32::try_from((code.width() + 2 * QUIET_MODULES) * MODULE_PIXELS).ok()?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, edge, edge);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/Countersign:zoe?secret=JBSWY3DPEHPK3PXP&issuer=Countersign";

    /// The modules of a PNG, dark ones as true, without the margin.
    fn modules(base64: &str) -> Vec<Vec<bool>> {
        let file = data_encoding::BASE64.decode(base64.as_bytes()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(
            (info.width, info.color_type, info.bit_depth),
            (info.height, png::ColorType::Grayscale, png::BitDepth::One)
        );
        let rows: Vec<&[u8]> = pixels.chunks(info.line_size).collect();
        assert!(rows.iter().take(QUIET_MODULES * MODULE_PIXELS).all(|row| row.iter().all(|byte| *byte == u8::MAX)));
        let inner = QUIET_MODULES * MODULE_PIXELS..rows.len() - QUIET_MODULES * MODULE_PIXELS;
        let rows = rows[inner].iter().step_by(MODULE_PIXELS);
        rows.map(|row| row[QUIET_MODULES..row.len() - QUIET_MODULES].iter().map(|byte| *byte == 0).collect()).collect()
    }

    #[test]
    fn a_png_has_the_modules_of_the_code() {
        let drawn = modules(&Picture::Png.draw(&Secret::new(URI)).unwrap());
        let code = QrCode::with_error_correction_level(URI, EcLevel::M).unwrap();
        let wanted: Vec<Vec<bool>> = code
            .to_colors()
            .chunks(code.width())
            .map(|row| row.iter().map(|color| *color == Color::Dark).collect())
            .collect();
        assert_eq!(drawn, wanted);
    }

    #[test]
    fn draws_vectors_and_characters() {
        let svg = Picture::Svg.draw(&Secret::new(URI)).unwrap();
        assert!(svg.starts_with("<?xml") && svg.contains("<svg") && !svg.contains("JBSWY"), "{svg}");
        let text = in_characters(&Secret::new(URI)).unwrap();
        assert!(text.lines().count() > 15 && text.contains('\u{2580}'), "{text}");
    }

    #[test]
    fn refuses_what_no_code_can_hold() {
        let long = Secret::new("x".repeat(4_000));
        assert_eq!((Picture::Svg.draw(&long), Picture::Png.draw(&long), in_characters(&long)), (None, None, None));
    }
}
