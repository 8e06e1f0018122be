-- SPDX-License-Identifier: Apache-2.0
-- PostgreSQL, with one client of pgbench: transactions like TPC-B's, each of which takes a number from a sequence, too,
-- so that they can be counted at any time. What is attached to is the process that serves that client.

local support = require "tests.lib.support"

local postgres = {}

local SCALE <const> = "2" -- of 100,000 accounts each

local function programs() return support.shell("ls -d /usr/lib/postgresql/*/bin | tail -n 1").out:match("[^\n]+") end

function postgres.lacks() return not programs() and "postgresql" end

local function sql(load, command)
    return { programs() .. "/psql", "-XAt", "-h", load.folder.path, "-U", "tester", "-c", command, "postgres" }
end

function postgres.start(load)
    local bin, nobody, at = programs(), load:unprivileged(), load.folder.path
    load.must(support.concat(nobody, { bin .. "/initdb", "-D", at .. "/data", "-A", "trust", "-U", "tester",
        "--no-sync" }))
    load:start(support.concat(load.environment, nobody, { bin .. "/postgres", "-D", at .. "/data", "-k", at, "-h", "",
        "-c", "fsync=off", "-c", "autovacuum=off" }), "server", "QUIT")
    load:wait(function() return support.run(sql(load, "select 1")).code == 0 end, "server")
    local bench = { bin .. "/pgbench", "-h", at, "-U", "tester", "-n" }
    load.must(support.concat(bench, { "-q", "-i", "-s", SCALE, "postgres" }))
    load.must(sql(load, "create sequence served"))
    load.asking = load:start(support.concat(bench, { "-c", "1", "-T", tostring(load.seconds), "-f",
        "tests/real/tasks/transfers.sql", "postgres" }), "pgbench")
    load:wait(function()
        load.pid = tonumber(load.must(sql(load,
            "select pid from pg_stat_activity where application_name = 'pgbench'")):match("%d+"))
        return load.pid
    end, "pgbench")
    load.metric = support.quote(sql(load, "select last_value from served"))
end

-- As pgbench's own clock ends it.
function postgres.stop(load) load:signal "ALRM" end

function postgres.count(load)
    local said = load:log "pgbench"
    local answered = tonumber(said:match("transactions actually processed: (%d+)"))
    local failed = tonumber(said:match("failed transactions: (%d+)"))
    local is_whole = answered and load:served() == answered and not said:find("error", 1, true)
    return { answered = answered or 0, failed = is_whole and (failed or 0) or 1, said = said }
end

return postgres
