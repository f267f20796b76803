//! A camera as others understand ONVIF: the server of the crate `oxvif`, which knows nothing of FalconEye.
//!
//! onvif_peer [--address A] [--port P] [--login] [--renews] [--unsubscribes] [--scope URI]...
//!
//! The first line of its output is the address of its device service; it ends when its input does.

use std::error::Error;
use std::io::{self, Write};

use oxvif::mock::{AckOnlyOperation, MockServer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = MockServer::builder();
    let mut scopes = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("an argument without its value");
        server = match argument.as_str() {
            // In the addresses that it tells, too. Loopback unless a test has a network of its own.
            "--address" => server.bind_ip(value()?.parse()?),
            "--port" => server.port(value()?.parse()?),
            "--login" => server.enforce_auth(true),
            // It refuses both unless told otherwise; its subscriptions are there for ever.
            "--renews" => server.with_acknowledgment_only(AckOnlyOperation::EventsRenew),
            "--unsubscribes" => {
                server.with_acknowledgment_only(AckOnlyOperation::EventsUnsubscribe)
            }
            // With any of them it answers the probes of WS-Discovery.
            "--scope" => {
                scopes.push(value()?);
                server
            }
            other => return Err(format!("unknown argument: {other}").into()),
        };
    }
    if !scopes.is_empty() {
        server = server.discoverable(scopes);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let running = runtime.block_on(server.start())?;
    let mut output = io::stdout();
    writeln!(output, "{}", running.device_url())?;
    output.flush()?;
    io::copy(&mut io::stdin(), &mut io::sink())?; // until whoever started it is gone
    Ok(())
}
