//! Section 6: texts.

use super::*;

/// A good text, a surrogate, a good text.
pub const SURROGATE: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
/// The same with a code point above the last one; no byte can be right behind the first 12.
const TOO_HIGH: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
const MIXED: &str = "Hello-µ@ßöäüàá-UTF-8!!";
const BROKEN: End = End::Fails(&[INVALID_DATA]);

pub fn cases() -> Vec<Case> {
    let case = |number: &str| Case::new(number, End::WeClose);
    let in_bytes = |number, end, text: &[u8]| Case::new(number, end).send_raw(fragments(TEXT, text, 1));
    let (one, two) = MIXED.split_at(MIXED.find('ü').unwrap());
    let mut cases = vec![
        case("6.1.1").send(FINAL | TEXT, b"").hear(TEXT, b""),
        case("6.1.2").send(TEXT, b"").send(CONTINUATION, b"").send(FINAL | CONTINUATION, b"").hear(TEXT, b""),
        case("6.1.3").send(TEXT, b"").send(CONTINUATION, b"x").send(FINAL | CONTINUATION, b"").hear(TEXT, b"x"),
        case("6.2.1").send(FINAL | TEXT, MIXED).hear(TEXT, MIXED),
        case("6.2.2").send(TEXT, one).send(FINAL | CONTINUATION, two).hear(TEXT, MIXED),
        in_bytes("6.2.3", End::WeClose, MIXED.as_bytes()).hear(TEXT, MIXED),
        in_bytes("6.2.4", End::WeClose, KOSME).hear(TEXT, KOSME),
        Case::new("6.3.1", BROKEN).send(FINAL | TEXT, SURROGATE),
        in_bytes("6.3.2", BROKEN, SURROGATE),
    ];
    cases.extend(at_once());
    for (section, texts) in sequences().into_iter().enumerate() {
        for (at, text) in texts.into_iter().enumerate() {
            let number = format!("6.{}.{}", section + 5, at + 1);
            // The standard library tells which texts are good.
            cases.push(if std::str::from_utf8(&text).is_ok() {
                Case::new(number, End::WeClose).send(FINAL | TEXT, &text).hear(TEXT, &text)
            } else {
                Case::new(number, BROKEN).send(FINAL | TEXT, &text)
            });
        }
    }
    cases
}

/// Refused as soon as no more can make it right: the end is never sent.
fn at_once() -> Vec<Case> {
    let whole = frame(FINAL | TEXT, TOO_HIGH);
    let head = whole.len() - TOO_HIGH.len();
    // In frames, a ping shows that the first is taken.
    let in_frames = |number: &str, bad: usize, end: usize| {
        Case::new(number, BROKEN)
            .send(TEXT, &TOO_HIGH[..bad])
            .send(FINAL | PING, b"still there?")
            .hear(PONG, b"still there?")
            .wait()
            .send(CONTINUATION, &TOO_HIGH[bad..end])
    };
    let in_portions = |number: &str, bad: usize, end: usize| {
        let case = Case::new(number, BROKEN).send_raw(whole[..head + bad].to_vec());
        case.send_raw(whole[head + bad..head + end].to_vec())
    };
    let (good, bad) = (KOSME.len(), KOSME.len() + 4);
    vec![
        in_frames("6.4.1", good, bad),
        in_frames("6.4.2", good + 1, good + 2),
        in_portions("6.4.3", good, bad),
        in_portions("6.4.4", good + 1, good + 2),
    ]
}

/// 6.5 and above: good and bad texts, after Markus Kuhn's UTF-8 decoder stress test.
fn sequences() -> Vec<Vec<Vec<u8>>> {
    let list = |texts: &[&[u8]]| texts.iter().map(|text| text.to_vec()).collect::<Vec<_>>();
    let spaced = |bytes: std::ops::Range<u8>| bytes.flat_map(|byte| [byte, b' ']).collect::<Vec<u8>>();
    let cut = list(&[
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ]);
    let mut unexpected: Vec<Vec<u8>> = vec![b"\x80".into(), b"\xbf".into()];
    unexpected.extend((2..7).map(|length| [0x80, 0xbf].into_iter().cycle().take(length).collect()));
    unexpected.push((0x80..0xbf).collect());
    let money = [&b"$"[..], b"\xc2\xa2", b"\xe2\x82\xac", b"\xf0\xa4\xad\xa2"];
    let mut good: Vec<Vec<u8>> = money.iter().map(|money| [&b"hello"[..], money, b"world"].concat()).collect();
    good.push(KOSME.to_vec());
    vec![
        good,
        (1..=KOSME.len()).map(|end| KOSME[..end].to_vec()).collect(),
        list(&[b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
        list(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        list(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
        list(&[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
        list(&[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"]),
        unexpected,
        vec![spaced(0xc0..0xdf), spaced(0xe0..0xef), spaced(0xf0..0xf7), spaced(0xf8..0xfb), spaced(0xfc..0xfd)],
        cut.clone(),
        vec![cut.concat()],
        list(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
        list(&[
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf",
        ]),
        list(&[
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xf8\x87\xbf\xbf\xbf",
            b"\xfc\x83\xbf\xbf\xbf\xbf",
        ]),
        list(&[
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xf0\x80\x80\x80",
            b"\xf8\x80\x80\x80\x80",
            b"\xfc\x80\x80\x80\x80\x80",
        ]),
        list(&SURROGATES),
        surrogate_pairs(),
        noncharacters(),
        (0xb9..=0xbf).map(|last| vec![0xef, 0xbf, last]).collect(),
    ]
}

const SURROGATES: [&[u8]; 7] = [
    b"\xed\xa0\x80",
    b"\xed\xad\xbf",
    b"\xed\xae\x80",
    b"\xed\xaf\xbf",
    b"\xed\xb0\x80",
    b"\xed\xbe\x80",
    b"\xed\xbf\xbf",
];

fn surrogate_pairs() -> Vec<Vec<u8>> {
    let (high, low) = (&SURROGATES[..4], [SURROGATES[4], SURROGATES[6]]);
    high.iter().flat_map(|high| low.iter().map(|low| [*high, *low].concat())).collect()
}

/// The last two code points of each plane, which are good UTF-8.
fn noncharacters() -> Vec<Vec<u8>> {
    let planes = (0..=16_u32).flat_map(|plane| [0xfffe, 0xffff].map(|last| plane << 16 | last));
    planes.map(|point| char::from_u32(point).unwrap().to_string().into_bytes()).collect()
}
