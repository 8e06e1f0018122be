-- SPDX-License-Identifier: Apache-2.0
-- How much of the text of large objects is on huge pages, and that it is the file's own: at the second
-- start with the aggressive strategy, seen in smaps while the programs run.

local elf = require "tests.lib.elf"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local LEAST <const> = 0.95
local MAP_S <const> = 60

-- Programs that wait: at a pipe that is full or empty, or for requests. DATA is a fresh folder.
-- `ready`: what their log or output shows when they have come to rest; nil: they are then asleep.
local programs = {
    { name = "node", words = { "/usr/bin/node", "-" } },
    { name = "cc1plus", words = { "cc1plus", "-quiet", "-o", "/dev/null", "-" } },
    { name = "clang", words = { "/usr/bin/clang", "-c", "-x", "c++", "-o", "/dev/null", "-" },
        objects = { "/libLLVM", "/libclang-cpp" } },
    { name = "gdb", words = { "/usr/bin/gdb", "-nx", "-q" } },
    { name = "prometheus", words = { "/usr/bin/prometheus", "--config.file=/dev/null",
        "--storage.tsdb.path=DATA/tsdb", "--web.listen-address=127.0.0.1:0" }, ready = "Server is ready" },
    { name = "mariadbd", words = { "/usr/sbin/mariadbd", "--no-defaults", "--datadir=DATA/db", "--skip-networking",
        "--socket=DATA/socket", "--user=root", "--innodb-buffer-pool-size=8M", "--skip-grant-tables" },
        before = "mkdir DATA/db", ready = "ready for connections" },
    { name = "postgres", words = { "postgres", "-D", "DATA/db", "-c", "listen_addresses=", "-c",
        "unix_socket_directories=DATA" }, user = "postgres", ready = "ready to accept connections",
        before = "BIN/initdb -D DATA/db -A trust -N --no-instructions >/dev/null" },
    { name = "rustc", words = { "/usr/bin/rustc", "--emit=metadata", "-o", "DATA/out", "-" },
        objects = { "/librustc_driver" } },
}

-- The file of a program by the name that the list has.
local function path_of(name)
    if name == "cc1plus" then return specimen.cc1plus() end
    if name ~= "postgres" then return specimen.path(name) end
    local found = support.shell("ls -1 /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1").out
    return found:match("^(/[^\n]+)")
end

-- The words that start a program as another user, for programs that refuse to run as root.
local function as_user(program, words)
    if not program.user then return words end
    local prefix = { "setpriv", "--reuid=" .. program.user, "--regid=" .. program.user, "--init-groups" }
    return table.move(words, 1, #words, #prefix + 1, prefix)
end

local function fill_in(program, text, data)
    return (text:gsub("DATA", data):gsub("BIN", program.path:match("^(.*)/[^/]*$")))
end

-- Starts a program under tiexec, and calls `look` with its process id when it has come to rest.
local function start(program, options, look)
    local data <close> = support.folder()
    os.execute(("chmod 755 %s; mkdir %s/own; mkfifo %s/input"):format(data.path, data.path, data.path))
    local own = data.path .. "/own"
    if program.user then os.execute(("chown %s %s"):format(program.user, own)) end
    if program.before then
        local shell = as_user(program, { "sh", "-c", "cd / && " .. fill_in(program, program.before, own) })
        local result = support.run(shell)
        assert.equal(0, result.code, result.err)
    end
    local words = { "env", "LC_ALL=C.UTF-8", "TIEXEC=", support.tiexec }
    table.move(options, 1, #options, #words + 1, words)
    words[#words + 1] = program.path
    for i = 2, #program.words do words[#words + 1] = fill_in(program, program.words[i], own) end
    -- open for writing too: it neither ends nor has anything to read
    local process <close> = support.start(as_user(program, words),
        ("<>%s/input >%s/log 2>&1"):format(data.path, data.path))
    local rests = support.wait_for(function()
        if not process:is_alive() then return false end
        if not support.has_become(process.pid, program.path) then return false end
        if not program.ready then return true end -- nobody traces it: its entry point is behind it
        return (support.read_file(data.path .. "/log") or ""):find(program.ready, 1, true) ~= nil
    end, MAP_S)
    local log = support.read_file(data.path .. "/log")
    assert.is_true(rests, log)
    assert.is_true(process:is_alive(), log)
    assert.is_nil(log:find("tiexec:", 1, true), log)
    look(process.pid)
end

-- The objects with more text than a huge page that are mapped at the start.
local function large(pid)
    local list = {}
    for _, object in ipairs(elf.loaded(pid)) do
        local seen = elf.coverage(pid, object)
        object.seen = seen
        if seen.text > elf.huge then list[#list + 1] = object end
    end
    return list
end

-- Whether another process maps an object's file, too: then its cached pages are left as they are, and what is
-- mapped may be a copy, whose name begins with the original's and an @.
local function is_held(pid, path)
    local name = path:match("([^/@]+)[^/]*$")
    local held = support.shell(("grep -l -- %s /proc/[0-9]*/maps"):format(support.quote { "/" .. name .. "$" })).out
    for other in held:gmatch("/proc/(%d+)/maps") do
        if tonumber(other) ~= pid then return true end
    end
    return false
end

local function check(pid, program, field)
    local objects, names = large(pid), {}
    for _, object in ipairs(objects) do
        local seen = object.seen
        names[#names + 1] = object.path
        assert.is_true(seen.huge >= LEAST * seen.text,
            ("%s: %.1f %%"):format(object.path, 100 * seen.huge / seen.text))
        if not is_held(pid, object.path) then assert.equal(seen.huge, seen.by[field], object.path) end
    end
    for _, part in ipairs(program.objects or { program.path }) do
        assert.is_truthy(table.concat(names, "\n"):find(part, 1, true), part .. " is not among what is mapped")
    end
end

describe("at the second start, of each object with more text than a huge page 95 % are huge:", function()
    for _, program in ipairs(programs) do
        it(program.name .. ", by the file itself", function()
            program.path = path_of(program.words[1])
            if not program.path then return pending(program.name .. " is not installed") end
            start(program, {}, function() end)
            start(program, {}, function(pid) check(pid, program, "FilePmdMapped") end)
        end)
    end
end)
