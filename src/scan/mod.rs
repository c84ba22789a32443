//! One scan, from the rows to the receivers.
//!
//! A plan goes in; a result, events at their receivers and a state on disk come out. The order is what makes
//! every event arrive: findings are queued on disk before anything is told, and forgotten by a receiver's queue
//! only when that receiver has them. The clock is the source's or the user's.

mod daily;
mod find;
mod learn;
mod range;
pub mod report;
mod source;

use crate::deliver::receiver::{Receiver, deliver_pending};
use crate::deliver::secret::read_secrets;
use crate::deliver::store::{LOCK_WAIT, Opened, Store};
use crate::deliver::textfile::{self, ScanMetrics};
use crate::plan::OutputFormat;
use crate::plan::scan::{Coverage, ScanPlan, UsageRule};
use crate::render;
use crate::usage::negative_binomial::WARM_UP_WINDOWS;
use crate::usage::negative_binomial::state::Unreadable;
use crate::usage::span::AGAIN;
use crate::usage::state::{Event, PRINTED, Run};
use find::Found;
use learn::Learnt;
use report::{AlertReport, EpisodeReport, SpikeReport};
use std::process::ExitCode;

/// The key under which results other than ndjson stand beside the receivers.
const SHOWN: &str = "shown";

/// The exit code for findings, where it was asked for.
const FINDINGS: u8 = 1;

/// The exit code when something went wrong, the result being out or not.
const TROUBLE: u8 = 2;

/// What a scan tells besides its result.
type Tell<'a> = &'a dyn Fn(&str);

/// Where the result goes.
type WriteOut<'a> = &'a mut dyn FnMut(&[u8]) -> anyhow::Result<()>;

/// Runs one scan.
///
/// # Errors
/// Rows that cannot be read, receivers that cannot be meant, a result that cannot be written; what could be
/// delivered all the same has been.
pub fn run(plan: &ScanPlan, write_out: WriteOut<'_>, tell: Tell<'_>) -> anyhow::Result<ExitCode> {
    if plan.explain {
        return explain(plan, write_out, tell);
    }
    let receivers = receivers(plan)?;
    let Some(path) = &plan.state else {
        let found = find::find(plan, None, None)?;
        write_out(&result(plan, &found, None)?)?;
        let code = exit_code(plan, &found, tell)?;
        return Ok(if tell_broken(&found, tell) { ExitCode::from(TROUBLE) } else { code });
    };
    match Store::open(path, LOCK_WAIT) {
        Opened::Ready(mut store) => scan(plan, &receivers, &mut store, write_out, tell),
        Opened::Held => {
            tell("another scan is still running; this one leaves its windows to the next");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn receivers(plan: &ScanPlan) -> anyhow::Result<Vec<Receiver>> {
    let delivery = &plan.delivery;
    let secrets = delivery.webhook_secret.as_deref().map(read_secrets).transpose()?.unwrap_or_default();
    let webhooks = delivery.webhooks.iter().map(|url| Receiver::webhook(url, delivery.webhook_style, secrets.clone()));
    webhooks.chain(delivery.alertmanagers.iter().map(|url| Receiver::alertmanager(url))).collect()
}

fn explain(plan: &ScanPlan, write_out: WriteOut<'_>, tell: Tell<'_>) -> anyhow::Result<ExitCode> {
    let explained = find::explain(plan)?;
    write_out(explained.text.as_bytes())?;
    if let Some(advice) = &explained.advice {
        tell(advice);
    }
    Ok(ExitCode::SUCCESS)
}

/// The key of whoever reads the result.
fn output_key(plan: &ScanPlan) -> &'static str {
    if plan.output.format == OutputFormat::Ndjson { PRINTED } else { SHOWN }
}

fn scan(
    plan: &ScanPlan,
    receivers: &[Receiver],
    store: &mut Store,
    write_out: WriteOut<'_>,
    tell: Tell<'_>,
) -> anyhow::Result<ExitCode> {
    let keys: Vec<&str> = receivers.iter().map(Receiver::key).chain([output_key(plan)]).collect();
    let learnt = learnt(plan, store, tell);
    let found = match find::find(plan, store.state().watermark_ms(&keys), learnt) {
        Ok(found) => found,
        Err(error) => {
            // What earlier runs found does not wait for the rows; without a clock nothing is given up.
            tell_deliveries(store, receivers, i64::MIN, tell);
            store.troubles().iter().for_each(|trouble| tell(trouble));
            return Err(error);
        }
    };
    let mut found = found;
    let events = events(plan, &found, store)?;
    note_what_is_old(&mut found, &events, &keys, store);
    let catch_up_ms = found.catch_up_ms;
    let events: Vec<Event> = events.into_iter().flatten().collect();
    store.note_run(&Run {
        events: &events,
        receivers: &keys,
        watermark_ms: found.watermark_ms,
        catch_up_ms,
        now_ms: found.now_ms,
    });
    if !found.learnt.is_empty() {
        store.write_learnt(&found.learnt);
    }
    let written = result(plan, &found, Some(store)).and_then(|bytes| write_out(&bytes));
    if written.is_ok() {
        let shown: Vec<String> =
            store.state().pending(output_key(plan)).iter().map(|pending| pending.event.id.clone()).collect();
        store.take(output_key(plan), &shown.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let pending = tell_deliveries(store, receivers, found.now_ms, tell);
    let is_fine = pending == 0 && written.is_ok() && store.troubles().is_empty() && found.broken.is_none();
    if is_fine {
        store.state_mut().set_success(found.now_ms);
    }
    store.save();
    let measured = write_metrics(plan, &found, store, pending);
    store.troubles().iter().for_each(|trouble| tell(trouble));
    written?;
    measured?;
    let code = exit_code(plan, &found, tell)?;
    let is_broken = tell_broken(&found, tell);
    Ok(if pending == 0 && store.troubles().is_empty() && !is_broken { code } else { ExitCode::from(TROUBLE) })
}

/// Tells where a catch-up stopped, if it did.
fn tell_broken(found: &Found, tell: Tell<'_>) -> bool {
    let Some(error) = &found.broken else { return false };
    let tested = found.report.summary.tested_to.as_deref().unwrap_or("the start");
    tell(&format!("{error:#}; the windows up to {tested} are tested, the next run goes on from there"));
    true
}

/// What the rule learnt in earlier runs. Other windows or another zone, or another version: the rule learns anew.
fn learnt(plan: &ScanPlan, store: &mut Store, tell: Tell<'_>) -> Option<Learnt> {
    let (UsageRule::NegativeBinomial(learning), Coverage::Clock { .. }) = (&plan.rule, plan.coverage) else {
        return None;
    };
    let bytes = store.read_learnt()?;
    match learn::read(learning, &bytes) {
        Ok(learnt) => Some(learnt),
        Err(reason @ (Unreadable::Calendar(_) | Unreadable::Version(_))) => {
            tell(&format!("what was learnt is of no use here: {reason}; the rule learns anew from the rows"));
            None
        }
        Err(reason @ (Unreadable::Malformed(_) | Unreadable::Io(_))) => {
            store.set_learnt_aside(&reason.to_string());
            None
        }
    }
}

/// The events, in the order of the findings; a window that is not over has none yet.
fn events(plan: &ScanPlan, found: &Found, store: &Store) -> anyhow::Result<Vec<Option<Event>>> {
    let identity = plan.identity()?;
    let source = [identity.host, identity.database, identity.table].join(" ").trim().to_owned();
    let spike_event = |found: &SpikeReport| {
        let SpikeReport { spike, start_ms, .. } = found;
        let window_ms = *start_ms..start_ms.saturating_add(spike.data.window_ms);
        let body = render::scan::event_body(spike)?;
        let rule = plan.rule.name();
        let event = Event::new(&source, rule, &spike.developer_id, window_ms, spike.event, &spike.timestamp, body);
        Ok((!spike.partial).then_some(event))
    };
    let alert_event = |found: &AlertReport| {
        let mut event = Event::of_alert(&source, &found.alert, render::scan::event_body(&found.alert)?);
        // Late rows can move the start or the end of an episode that was told: it stays one event.
        let known = || Event::ids_nearby(&source, &found.alert, AGAIN).find(|id| store.state().was_found(id));
        if !store.state().was_found(&event.id)
            && let Some(id) = known()
        {
            event.id = id;
        }
        Ok((!found.partial).then_some(event))
    };
    let spikes = found.report.spikes.iter().map(spike_event);
    spikes.chain(found.report.alerts.iter().map(alert_event)).collect()
}

/// Marks what every receiver of this run had before; without receivers, what was shown before.
fn note_what_is_old(found: &mut Found, events: &[Option<Event>], keys: &[&str], store: &Store) {
    let receivers = if keys.len() > 1 { &keys[..keys.len() - 1] } else { keys };
    let report = &mut found.report;
    let spikes = report.spikes.iter_mut().map(|spike| &mut spike.already_sent);
    let marks = spikes.chain(report.alerts.iter_mut().map(|alert| &mut alert.already_sent));
    for (mark, event) in marks.zip(events) {
        let Some(event) = event else { continue };
        *mark = receivers.iter().all(|key| store.state().was_taken(key, &event.id));
    }
    for EpisodeReport { episode, already_sent } in &mut report.episodes {
        let is_its = |alert: &&AlertReport| {
            let (alert, data) = (&alert.alert, &alert.alert.data);
            alert.developer_id == episode.developer_id && data.kind == episode.kind && data.window_end >= episode.start
        };
        *already_sent = report.alerts.iter().filter(is_its).all(|alert| alert.already_sent);
    }
}

/// The bytes of the result. With a state, ndjson has what was not printed before; without one, every event.
fn result(plan: &ScanPlan, found: &Found, store: Option<&Store>) -> anyhow::Result<Vec<u8>> {
    match (store, plan.output.format) {
        (Some(store), OutputFormat::Ndjson) => {
            let mut bytes = Vec::new();
            for pending in store.state().pending(PRINTED) {
                bytes.extend_from_slice(pending.event.body.as_bytes());
                bytes.push(b'\n');
            }
            Ok(bytes)
        }
        _ => render::scan::render(&found.report, &plan.output),
    }
}

/// Delivers and tells what went wrong; how many events are still to be delivered.
fn tell_deliveries(store: &mut Store, receivers: &[Receiver], now_ms: i64, tell: Tell<'_>) -> u64 {
    let deliveries = deliver_pending(store, receivers, now_ms);
    deliveries.iter().flat_map(|delivery| &delivery.messages).for_each(|message| tell(message));
    deliveries.iter().map(|delivery| delivery.pending).sum()
}

fn write_metrics(plan: &ScanPlan, found: &Found, store: &Store, pending: u64) -> anyhow::Result<()> {
    let Some(path) = &plan.delivery.textfile else { return Ok(()) };
    let (state, summary) = (store.state(), &found.report.summary);
    textfile::write(
        path,
        &ScanMetrics {
            runs_total: state.runs_total(),
            anomalies_total: state.anomalies_total(),
            rows_seen: summary.recent_rows,
            developers: summary.ids,
            anomalies: summary.findings,
            pending,
            last_success_ms: state.last_success_ms(),
        },
    )
}

/// The exit code of a run whose result is out.
fn exit_code(plan: &ScanPlan, found: &Found, tell: Tell<'_>) -> anyhow::Result<ExitCode> {
    let summary = &found.report.summary;
    if !plan.output.quiet {
        summary.notes.iter().filter(|_| plan.output.format != OutputFormat::Table).for_each(|note| tell(note));
    }
    if summary.recent_rows == 0 {
        let what = match (plan.coverage, &found.report.settings) {
            (Coverage::Clock { .. }, settings) if settings.window_ms.is_some() => {
                let windows = settings.baseline_windows.unwrap_or(WARM_UP_WINDOWS) as i64 + 1;
                let minutes = settings.window_ms.unwrap_or(0).saturating_mul(windows) as f64 / 60_000.0;
                format!("no row in the last {minutes} minutes")
            }
            _ => "no row in the windows to test".to_owned(),
        };
        tell(&format!("{what}: is the table still written, and is {} its time column?", plan.columns.time));
        if plan.empty_fails {
            return Ok(ExitCode::from(TROUBLE));
        }
    }
    let has_findings = plan.findings_exit && summary.findings > 0;
    Ok(if has_findings { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}
