-- SPDX-License-Identifier: Apache-2.0
-- MariaDB, with one client: transactions like those of sysbench's oltp_read_write, 20 statements each, on a table of
-- 10,000 rows, which has as many in the end.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local mariadb = {}

local ROWS <const>, TRANSACTIONS <const> = 10000, 200 -- the latter of the file that is sent again and again

function mariadb.lacks() return not (core.find "mariadbd" and core.find "mariadb") and "mariadb" end

local function client(load, ...)
    return { "mariadb", "--no-defaults", "-uroot", "-S", load.folder.path .. "/socket", ... }
end

-- Numbers that are the same each time.
local function numbers()
    local state = 1
    return function(most)
        state = (state * 1103515245 + 12345) & 0x7fffffff
        return (state >> 8) % most + 1
    end
end

local function transaction(random)
    local lines = { "begin;" }
    local function add(form, ...) lines[#lines + 1] = form:format(...) end
    for _ = 1, 10 do add("select c from work where id = %d;", random(ROWS)) end
    for _, columns in ipairs { "c", "sum(k)", "c", "distinct c" } do
        local first = random(ROWS - 100)
        add("select %s from work where id between %d and %d%s;", columns, first, first + 99,
            columns:find("c$") and " order by c" or "")
    end
    add("update work set k = k + 1 where id = %d;", random(ROWS))
    add("update work set c = md5(%d) where id = %d;", random(ROWS), random(ROWS))
    local id = random(ROWS)
    add("delete from work where id = %d;", id)
    add("insert into work values (%d, %d, md5(%d), md5(%d));", id, random(ROWS), id, random(ROWS))
    lines[#lines + 1] = "commit;\n"
    return table.concat(lines, "\n")
end

local function statements()
    local random, list = numbers(), {}
    for i = 1, TRANSACTIONS do list[i] = transaction(random) end
    return table.concat(list)
end

function mariadb.start(load)
    local nobody, at = load:unprivileged(), load.folder.path
    load.must(support.concat(nobody, { "mariadb-install-db", "--no-defaults", "--datadir=" .. at .. "/data",
        "--auth-root-authentication-method=normal", "--skip-test-db" }))
    local process = load:start(support.concat(load.environment, nobody, { "mariadbd", "--no-defaults",
        "--datadir=" .. at .. "/data", "--socket=" .. at .. "/socket", "--skip-networking",
        "--innodb-flush-log-at-trx-commit=0" }), "server")
    load:wait(function() return support.run(client(load, "-e", "select 1")).code == 0 end, "server")
    load.must(client(load, "-e", ([[create database bench; use bench;
        create table work (id int primary key, k int not null, c char(120) not null, pad char(60) not null, index (k));
        insert into work select seq, seq, md5(seq), md5(seq + 1) from seq_1_to_%d]]):format(ROWS)))
    load.pid = process.pid
    load.metric = support.quote(client(load, "-Ne", "show global status like 'Questions'"))
    load.first = load:served()
    support.write_file(at .. "/statements", statements())
    load.asking = load:start({ "sh", "-c", [[
        until=$(($(date +%s) + $1)) at=$2; shift 2
        { while [ $(date +%s) -lt $until ] && [ ! -e $at/stop ]; do cat $at/statements || break; done; } |
            "$@" >/dev/null
        echo "the client's status is $?"]], "sh", tostring(load.seconds), at,
        table.unpack(client(load, "-N", "bench")) }, "client")
end

-- What was begun of the statements is sent to its end.
function mariadb.stop(load) support.write_file(load.folder.path .. "/stop", "") end

function mariadb.count(load)
    local said = load:log "client"
    local rows = tonumber(support.run(client(load, "-Ne", "select count(*) from bench.work")).out:match("%d+"))
    local is_right = said == "the client's status is 0\n" and rows == ROWS
    return { answered = (load:served() or load.first) - load.first, failed = is_right and 0 or 1, said = said }
end

return mariadb
