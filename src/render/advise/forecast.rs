//! `forecast` for people.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text};
use super::super::figure::{counted, millis, percent, share};
use super::super::section::{capped_table, endpoint_name, optional_cell};
use crate::advise::forecast::report::{EndpointForecast, ForecastReport, TestResult, Verdict};

/// The verdict, a row per endpoint, and what the columns are.
pub(super) fn section(forecast: &ForecastReport) -> Section {
    let columns = vec![
        Column::left("Endpoint", Fit::Shorten),
        Column::right("Forecast", Fit::Whole),
        Column::right("Mean", Fit::LeaveOut(2)),
        Column::right("Conf %", Fit::LeaveOut(3)),
        Column::left("Advice", Fit::LeaveOut(4)),
        Column::left("Applied", Fit::LeaveOut(1)),
        Column::right("Missed by", Fit::Whole),
        Column::right("Naive", Fit::Whole),
        Column::left("Better", Fit::Whole),
    ];
    let mut blocks = vec![Block::Line(Text::plain(&forecast.verdict))];
    blocks.extend(coverage(&forecast.overall).map(|line| Block::Line(Text::plain(line))));
    blocks.extend(capped_table(columns, &forecast.endpoints, row));
    blocks.push(Block::Line(Text::plain(format!(
        "Rests on {}. Forecasts are in ms. Conf is the plugin's: 1 - variance / 1 000 ms^2, which calls every endpoint with a standard \
         deviation above 32 ms hopeless. Missed by and Naive are the mean errors of the forecast and of the last window's \
         mean.",
        counted(forecast.basis.requests, "request")
    ))));
    Section { title: "Forecast".to_owned(), blocks }
}

fn coverage(test: &TestResult) -> Option<String> {
    let shares = [(80, test.coverage80), (95, test.coverage95)];
    let told: Vec<String> = shares
        .iter()
        .filter_map(|(promised, held)| Some(format!("the {promised} % interval held {}", share((*held)?))))
        .collect();
    (!told.is_empty()).then(|| format!("Of the windows {}.", told.join(", ")))
}

fn row(endpoint: &EndpointForecast) -> Row {
    let better = match endpoint.test.verdict {
        Verdict::Better => "yes",
        Verdict::NoBetter => "no",
        Verdict::TooShort => "too short",
    };
    Row::new(vec![
        endpoint_name(&endpoint.method, &endpoint.path, endpoint.group.as_deref()),
        Span::plain(millis(endpoint.forecast_ms)),
        Span::plain(millis(endpoint.mean_ms)),
        Span::plain(percent(endpoint.confidence)),
        Span::plain(endpoint.recommended_action.name()),
        Span::plain(endpoint.applied_action.name()),
        optional_cell(endpoint.test.mae_ms, millis),
        optional_cell(endpoint.test.naive_mae_ms, millis),
        Span::plain(better),
    ])
}
