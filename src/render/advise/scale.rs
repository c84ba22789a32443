//! `scale` for people.

use super::super::document::{Block, Column, Fit, Row, Section, Span, Text};
use super::super::figure::{count, counted, millis, number, share};
use super::super::section::{capped_table, optional_cell};
use super::super::time::TimeStyle;
use crate::advise::scale::report::{Move, ScaleReport, WindowRow};

/// Windows shown: those that need most.
const BUSIEST: usize = 5;

/// What the load needs, the moments to act, the busiest windows.
pub(super) fn section(scale: &ScaleReport) -> Section {
    let times = TimeStyle::of_times(scale.windows.iter().flat_map(|row| [row.from.as_str(), row.to.as_str()]));
    let mut blocks: Vec<Block> =
        sentences(scale, times).into_iter().map(|line| Block::Line(Text::plain(line))).collect();
    if scale.moves.is_empty() {
        blocks.push(Block::Line(Text::plain("An autoscaler would have left the number as it is.")));
    } else {
        blocks.push(Block::Line(Text::plain("An autoscaler would have acted:")));
        let columns =
            vec![Column::left("At", Fit::Whole), Column::right("From", Fit::Whole), Column::right("To", Fit::Whole)];
        blocks.extend(capped_table(columns, &scale.moves, |one| move_row(one, times)));
    }
    let mut busiest: Vec<&WindowRow> = scale.windows.iter().collect();
    busiest.sort_by(|a, b| {
        (b.replicas_needed.cmp(&a.replicas_needed)).then(b.mean_in_flight.total_cmp(&a.mean_in_flight))
    });
    busiest.truncate(BUSIEST);
    blocks.push(Block::Line(Text::plain("The busiest windows:")));
    blocks.extend(capped_table(columns(), &busiest, |row| window_row(row, times)));
    Section { title: "Scale".to_owned(), blocks }
}

fn sentences(scale: &ScaleReport, times: TimeStyle) -> Vec<String> {
    let replicas = &scale.replicas;
    let target = format!("the target of {} ms (--target-latency)", number(scale.target_ms));
    let slow = match scale.slow_windows {
        0 => format!("No window was slower on average than {target}."),
        slow => format!(
            "{} slower on average than {target}; in {} of them the load needed no more than the replicas in force, so \
             more would not have helped.",
            if slow == 1 { "1 window was".to_owned() } else { format!("{} windows were", count(slow)) },
            count(scale.slow_windows_within_capacity)
        ),
    };
    vec![
        format!(
            "Rests on {}, {} to {}.",
            counted(scale.timed, "timed request"),
            times.point(&scale.basis.from),
            times.point(&scale.basis.to)
        ),
        format!(
            "Replicas needed: {} at the peak ({}), {} in 95 % of the windows; {} of {} need more than the {} in force \
             ({}).",
            count(replicas.peak),
            times.point(&replicas.peak_at),
            count(replicas.p95),
            count(replicas.windows_above_in_force),
            counted(replicas.windows, "window"),
            count(replicas.in_force),
            share(replicas.windows_above_in_force as f64 / replicas.windows.max(1) as f64)
        ),
        format!(
            "Most requests in flight: {} ({}); bulkhead.maxConcurrentCalls: {} for all of them.",
            count(scale.peak_in_flight),
            times.point(&scale.peak_in_flight_at),
            count(scale.max_concurrent_calls)
        ),
        slow,
    ]
}

fn move_row(one: &Move, times: TimeStyle) -> Row {
    Row::new(vec![Span::plain(times.point(&one.at)), Span::plain(count(one.from)), Span::plain(count(one.to))])
}

fn columns() -> Vec<Column> {
    vec![
        Column::left("From", Fit::Whole),
        Column::right("Req/s", Fit::Whole),
        Column::right("Mean ms", Fit::LeaveOut(1)),
        Column::right("L = rate x mean", Fit::Whole),
        Column::right("In flight", Fit::Whole),
        Column::right("Peak", Fit::LeaveOut(2)),
        Column::right("Replicas", Fit::Whole),
    ]
}

fn window_row(row: &WindowRow, times: TimeStyle) -> Row {
    Row::new(vec![
        Span::plain(times.point(&row.from)),
        Span::plain(number(row.rate)),
        optional_cell(row.mean_ms, millis),
        Span::plain(number(row.little_in_flight)),
        Span::plain(number(row.mean_in_flight)),
        Span::plain(count(row.peak_in_flight)),
        Span::plain(count(row.replicas_needed)),
    ])
}
