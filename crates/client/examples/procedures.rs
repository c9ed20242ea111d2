//! A callee and a caller: a procedure that counts, with progress, until it is told to stop.
//!
//! ```console
//! $ cargo run -p countersign-client --example procedures -- ws://127.0.0.1:8282/ws izaber LOGIN PASSWORD
//! ```

use std::error::Error;
use std::time::Duration;

use countersign_client::{
    Auth, CallOptions, CancelMode, Client, ConnectOptions, HandlerError, Invocation, RegisterOptions, Value,
};

const PROCEDURE: &str = "com.example.count";

async fn count(invocation: Invocation) -> Result<Vec<Value>, HandlerError> {
    let Some(to) = invocation.args().first().and_then(Value::as_u64) else {
        return Err(HandlerError::new("com.example.error.no_number", "one number, please"));
    };
    for number in 1..to {
        let sent = invocation.progress(vec![number.into()]).await;
        sent.map_err(|error| HandlerError::new("com.example.error.gone", error.to_string()))?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(vec![to.into()])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, realm, login, password] = arguments.as_slice() else {
        return Err("usage: procedures URL REALM LOGIN PASSWORD".into());
    };
    let options = ConnectOptions::new(url, realm).auth(Auth::ticket(login, password));
    let offering = Client::connect(options.clone()).await?;
    let registration = offering.register(PROCEDURE, RegisterOptions::new(), count).await?;

    let caller = Client::connect(options).await?;
    let progress = CallOptions::new().receive_progress();
    let mut call = caller.start_call(PROCEDURE, progress.clone(), vec![Value::Int(3)]).await?;
    while let Some(part) = call.next().await {
        println!("so far {:?}", part.args());
    }
    println!("result {:?}", call.result().await?.args());

    // A million would take hours.
    let mut call = caller.start_call(PROCEDURE, progress, vec![Value::Int(1_000_000)]).await?;
    call.next().await;
    call.cancel(CancelMode::Kill).await?;
    match call.result().await {
        Ok(result) => println!("result {:?}", result.args()),
        Err(error) => println!("canceled: {error}"),
    }

    offering.unregister(&registration).await?;
    caller.leave().await?;
    offering.leave().await?;
    Ok(())
}
