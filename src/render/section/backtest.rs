//! The first section where there is a backtest: which config would have been better, and the figures behind it.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Table, Text};
use super::super::figure::{count, counted, millis, share};
use super::optional_cell;
use crate::backtest::breaker::BreakerResult;
use crate::backtest::report::{BacktestReport, BulkheadResults, ConfigResult};
use crate::backtest::timeout::TimeoutResult;

/// The verdict, a row per config, and what the figures cannot say.
pub(crate) fn section(backtest: &BacktestReport) -> Section {
    let columns = vec![
        Column::left("Config", Fit::Shorten),
        Column::right("Good cut", Fit::Whole),
        Column::right("Slack", Fit::LeaveOut(2)),
        Column::right("Breaker opened", Fit::Whole),
        Column::right("Good rejected", Fit::Whole),
        Column::right("Bulkhead full", Fit::Whole),
        Column::right("Longest wait", Fit::LeaveOut(1)),
    ];
    let rows = backtest.configs.iter().map(|config| row(config, backtest.traffic.good)).collect();
    let mut blocks = vec![
        Block::Line(Text::prose(&backtest.verdict)),
        Block::Table(Table { columns, rows, note_title: None }),
        Block::Line(Text::plain(tested(backtest))),
    ];
    if let Some(field) = &backtest.breaker_by {
        let kept = Text::plain("There is a breaker for each value of ").then_name(field).then_plain(".");
        blocks.push(Block::Line(kept));
    }
    blocks.push(Block::Line(Text::plain("The limits of this:")));
    blocks.push(Block::List(backtest.limits.iter().map(Text::prose).collect()));
    Section { title: "Backtest".to_owned(), blocks }
}

fn row(config: &ConfigResult, good: u64) -> Row {
    let of_good = |calls: u64| share(if good == 0 { 0.0 } else { calls as f64 / good as f64 });
    Row::new(vec![
        Span::name(&config.name),
        optional_cell(config.timeout.as_ref(), |timeout: &TimeoutResult| of_good(timeout.good_cut)),
        optional_cell(config.timeout.as_ref().and_then(|timeout| timeout.slack), |slack| format!("{slack:.1}")),
        optional_cell(config.breaker.as_ref(), |breaker: &BreakerResult| count(breaker.openings)),
        optional_cell(config.breaker.as_ref(), |breaker: &BreakerResult| of_good(breaker.good_rejected)),
        optional_cell(config.bulkhead.as_ref(), |bulkhead: &BulkheadResults| of_good(bulkhead.queue.good_rejected)),
        Span::plain(format!("{} ms", millis(config.retries.worst_wait_ms))),
    ])
}

/// What the figures are over.
fn tested(backtest: &BacktestReport) -> String {
    let requests = counted(backtest.traffic.requests, "request");
    match &backtest.split {
        Some(split) => format!(
            "Tested on the {requests} from {} on; what rules came to was fitted on the {} before. Shares are of \
             the good requests (below 500, neither 499 nor 101); slack is the timeout over their 99.9th percentile.",
            split.at,
            count(split.fitted_requests)
        ),
        None => format!(
            "Tested on the {requests} that the rules were fitted on, too. Shares \
             are of the good requests (below 500, neither 499 nor 101); slack is the timeout over their 99.9th percentile."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    fn cells(row: &Row) -> Vec<&str> {
        let text = |cell| match cell {
            &Span::Plain(ref text) | &Span::Name(ref text) | &Span::Prose(ref text) => text.as_str(),
        };
        row.cells.iter().map(text).collect()
    }

    #[test]
    fn the_verdict_stands_first_and_each_config_has_a_row() {
        let report = sample::backtested();
        let backtest = report.backtest.as_ref().unwrap();
        let shown = section(backtest);
        let [Block::Line(verdict), Block::Table(table), Block::Line(tested), ..] = &shown.blocks[..] else {
            panic!("other blocks")
        };
        assert_eq!(verdict, &Text::prose(&backtest.verdict));
        assert_eq!(cells(&table.rows[0]), ["current", "0 %", "500.0", "0", "0 %", "0 %", "40 000 ms"]);
        assert_eq!(cells(&table.rows[1])[0], "recommended");
        let Span::Plain(tested) = &tested.0[0] else { panic!("log text") };
        assert!(tested.starts_with("Tested on the 59 requests from 2026-05-28T"), "{tested}");
    }
}
