//! `ptwalk serve`: a service that answers over a socket while its plugin changes.

use std::sync::mpsc::channel;

use anyhow::{Context, Result};
use ptwalk::admission::Admission;
use ptwalk::admission::cache::{self, Cache};
use ptwalk::serve::{Drained, Limits, Server, Service, Setup, follow};
use ptwalk::zone::file;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::args::ServeArgs;
use super::exit::Answer;
use super::output::notice;
use super::session::Session;

pub fn run(args: &ServeArgs) -> Result<Answer> {
    let zone = args.pgmap.as_deref().map(file::read).transpose()?;
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let zone = zone.unwrap_or_else(|| session.image.zone());
    let order = session.order();
    let limits = Limits { connections: args.connections.into(), ..Limits::default() };
    let admission = Admission::new(open_cache(args)?)?;
    let setup = Setup { image: session.image, roots: session.roots, zone, admission, order: order.clone(), limits };
    let service = Service::new(setup)?;
    let server = Server::bind(&args.socket)?;
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen for signals")?;
    let (stop, handle) = (server.stop(), signals.handle());
    notice(&args.output, &format!("listening on {}", args.socket.display()));
    let Drained { cut } = std::thread::scope(|scope| {
        scope.spawn(move || {
            if signals.forever().next().is_some() {
                stop.stop();
            }
        });
        let (follows, end) = channel();
        if args.follow {
            let (service, order) = (&service, &order);
            scope.spawn(move || follow::follow(service, order, follow::INTERVAL, &end));
        }
        let drained = server.run(&service);
        handle.close();
        drop(follows);
        drained
    })?;
    let cut = if cut > 0 { format!(", {cut} clients cut off") } else { String::new() };
    notice(&args.output, &format!("ended{cut}"));
    Ok(Answer::Yes)
}

/// The cache, if one is wanted. One that cannot be used where nobody asked for it by name is done without.
fn open_cache(args: &ServeArgs) -> Result<Option<Cache>> {
    if args.no_cache {
        return Ok(None);
    }
    if let Some(folder) = &args.cache {
        return Ok(Some(Cache::open(folder)?));
    }
    let opened = cache::default_folder().and_then(|folder| Cache::open(&folder));
    Ok(opened.inspect_err(|error| notice(&args.output, &format!("verdicts are not kept: {error}"))).ok())
}
