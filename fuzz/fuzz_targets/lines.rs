//! First lines to a format, and every line through its parser: no panic, and a rejection that stands in its line.
#![no_main]

use learn::plan::Wanted;
use learn::request::Line;
use learn::source::ParseLine;
use learn::source::detect::{TextFormat, detect_text};
use learn::source::named::{JsonMap, LtsvMap, W3cMap};
use libfuzzer_sys::fuzz_target;

fn parse(parser: &mut impl ParseLine, lines: &[&[u8]]) {
    for line in lines {
        if let Line::Rejected(rejection) = parser.parse_line(line) {
            assert!((1..=line.len() + 1).contains(&rejection.column), "column {} of {}", rejection.column, line.len());
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let lines: Vec<&[u8]> = data.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let wanted = Wanted { developer: data.first().filter(|byte| **byte == b'{').map(|_| "user".to_owned()), ..Wanted::default() };
    if let Ok((format, read)) = detect_text(&lines, &wanted) {
        assert!(2 * read >= lines.iter().filter(|line| !line.trim_ascii().is_empty()).count());
        match format {
            TextFormat::One(format) => parse(&mut format.parser(), &lines),
            TextFormat::Two(pair) => parse(&mut pair.parser(), &lines),
        }
    }
    if let Ok(map) = JsonMap::detect(&lines, &wanted) {
        parse(&mut map.parser(), &lines);
    }
    if let Ok(map) = LtsvMap::detect(&lines, &wanted) {
        parse(&mut map.parser(), &lines);
    }
    if let Some(Ok(map)) = W3cMap::detect(&lines, &wanted) {
        parse(&mut map.parser(), &lines);
    }
});
