#!/usr/bin/env python3
"""The same work in DuckDB or Polars: per five minutes, method and route the count, mean, p50, p95, p99 and the 5xx.

    python3 peer.py duckdb|polars text|json FILE

Prints how many groups, requests and errors there are and the sums of the other figures: results can be compared as well
as times, and a query that looked at fewer columns would be spared their work. Ids in paths are folded as `learn` folds
them; the rest of its work (rules, report) has no counterpart here.
"""
import sys

UUID_OR_NUMBER = "/([0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+)"
TEXT_COLUMNS = ["ip", "a", "b", "ts", "zone", "request", "status", "bytes", "referer", "agent", "rt", "uct", "urt"]


def duckdb_rows(kind, path):
    import duckdb

    gzip = ", compression=gzip" if path.endswith(".gz") else ""
    if kind == "text":
        types = {name: "VARCHAR" for name in TEXT_COLUMNS} | {"status": "SMALLINT", "bytes": "BIGINT"}
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
        source = f"read_csv('{path}', delim=' ', quote='\"', escape='\"', header=false, auto_detect=false, columns={{{columns}}}{gzip})"
        stamp, method, target = "strptime(ts, '[%d/%b/%Y:%H:%M:%S')", "split_part(request, ' ', 1)", "split_part(request, ' ', 2)"
        millis = "(substr(rt, 4)::DOUBLE * 1000)::INT"
    else:
        columns = "'time_iso8601': 'TIMESTAMPTZ', 'request_method': 'VARCHAR', 'uri': 'VARCHAR', 'status': 'SMALLINT', 'request_time': 'DOUBLE'"
        source = f"read_json('{path}', format='newline_delimited', columns={{{columns}}}{gzip})"
        stamp, method, target, millis = "time_iso8601", "request_method", "uri", "(request_time * 1000)::INT"
    route = f"regexp_replace(split_part({target}, '?', 1), '{UUID_OR_NUMBER}', '/:id', 'g')"
    connection = duckdb.connect(":memory:")
    connection.execute("set preserve_insertion_order=false")
    groups = f"""
        select w, m, p, count(*) n, avg(ms) mean, quantile_disc(ms, [0.5, 0.95, 0.99]) q, count(*) filter (s >= 500) e
        from (select time_bucket(interval '5 minutes', {stamp}) w, {method} m, {route} p, {millis} ms, status s from {source})
        group by all"""
    sums = "count(*), sum(n), sum(e), round(sum(mean * n))::BIGINT, sum(q[1]), sum(q[2]), sum(q[3])"
    return connection.execute(f"select {sums} from ({groups})").fetchone()


def polars_rows(kind, path):
    import polars as pl

    column = pl.col
    if kind == "text":
        schema = {name: pl.String for name in TEXT_COLUMNS} | {"status": pl.UInt16}
        frame = pl.scan_csv(path, separator=" ", quote_char='"', has_header=False, schema=schema)
        stamp = column("ts").str.strptime(pl.Datetime("ms"), "[%d/%b/%Y:%H:%M:%S")
        words = column("request").str.splitn(" ", 3)
        method, target = words.struct.field("field_0"), words.struct.field("field_1")
        seconds = column("rt").str.slice(3).cast(pl.Float64)
    else:
        schema = {"time_iso8601": pl.String, "request_method": pl.String, "uri": pl.String, "status": pl.Int64, "request_time": pl.Float64}
        frame = pl.scan_ndjson(path, schema=schema)
        stamp = column("time_iso8601").str.slice(0, 19).str.strptime(pl.Datetime("ms"), "%Y-%m-%dT%H:%M:%S")
        method, target, seconds = column("request_method"), column("uri"), column("request_time")
    route = target.str.splitn("?", 2).struct.field("field_0").str.replace_all(UUID_OR_NUMBER, "/:id")
    frame = frame.select(w=stamp.dt.truncate("5m"), m=method, p=route, ms=(seconds * 1000).round().cast(pl.UInt32), s=column("status"))
    quantiles = {f"p{at}": column("ms").quantile(at / 100, "equiprobable") for at in (50, 95, 99)}
    groups = frame.group_by("w", "m", "p").agg(n=pl.len(), mean=column("ms").mean(), e=(column("s") >= 500).sum(), **quantiles)
    whole = (column("mean") * column("n")).sum().round().cast(pl.Int64)
    sums = [column(name).cast(pl.Int64).sum() for name in quantiles]
    return groups.select(pl.len(), column("n").cast(pl.Int64).sum(), column("e").sum(), whole.alias("whole"), *sums).collect(engine="streaming").row(0)


if __name__ == "__main__":
    peer, kind, path = sys.argv[1:]
    print(*{"duckdb": duckdb_rows, "polars": polars_rows}[peer](kind, path))
