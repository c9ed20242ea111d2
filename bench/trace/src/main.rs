//! Routes the trace once: what `cargo xtask instructions` counts.

use countersign_trace::{MESSAGES, Trace, route_all};

fn main() {
    let (mut bus, trace) = Trace::on_new_bus();
    route_all(&mut bus, &trace);
    println!("{MESSAGES} messages, {} bytes sent, {} calls pending", bus.bytes_sent, bus.pending_calls());
}
