//! A subscriber to a pattern, and a publisher whose last event is kept for those who come later.
//!
//! ```console
//! $ cargo run -p countersign-client --example events -- ws://127.0.0.1:8282/ws izaber LOGIN PASSWORD
//! ```

use std::error::Error;

use countersign_client::{Auth, Client, ConnectOptions, Event, MatchPolicy, PublishOptions, SubscribeOptions, Value};

fn show(event: &Event) {
    let topic = event.topic().unwrap_or("the topic");
    println!("{topic} from {:?}: {:?}, retained: {}", event.publisher_authid(), event.args(), event.is_retained());
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, realm, login, password] = arguments.as_slice() else {
        return Err("usage: events URL REALM LOGIN PASSWORD".into());
    };
    let options = ConnectOptions::new(url, realm).auth(Auth::ticket(login, password));
    let subscriber = Client::connect(options.clone()).await?;
    let pattern = SubscribeOptions::new().matching(MatchPolicy::Wildcard);
    let mut events = subscriber.subscribe("com.example..temperature", pattern).await?;

    let publisher = Client::connect(options).await?;
    for (place, degrees) in [("kitchen", 21_i64), ("cellar", 12)] {
        let topic = format!("com.example.{place}.temperature");
        let kept = PublishOptions::new().acknowledge().disclose_me().retain();
        publisher.publish_with(&topic, kept, vec![Value::Int(degrees)]).await?;
        if let Some(event) = events.next().await {
            show(&event);
        }
    }
    subscriber.unsubscribe(&events).await?;

    let retained = SubscribeOptions::new().get_retained();
    let mut late = subscriber.subscribe("com.example.cellar.temperature", retained).await?;
    if let Some(event) = late.next().await {
        show(&event);
    }
    subscriber.leave().await?;
    publisher.leave().await?;
    Ok(())
}
