-- SPDX-License-Identifier: Apache-2.0
-- Sessions of gdb with a server of its remote protocol.

local assert = require "luassert"
local support = require "tests.lib.support"

local gdb_session = {}

local SECONDS <const> = 60

gdb_session.start = { "gdb", "-q", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set sysroot /", "-iex",
    "set pagination off", "-iex", "set confirm off", "-iex", "set width 0", "-iex", "set remotetimeout 20" }

--- The words of a shell command that serves a program to a gdb that has started it.
function gdb_session.pipe(words, options)
    return "| " .. support.quote(support.concat({ support.tiexec }, options, { "--gdb", "-" }, words))
end

--- The same for gdb's own server.
function gdb_session.gdbserver(words) return "| " .. support.quote(support.concat({ "gdbserver", "-" }, words)) end

--- A command that selects a thread and does not say where it is.
function gdb_session.thread(number) return ("| thread %d | sed -n 1p"):format(number) end

--- Runs gdb on a file, connected to a target, with a list of commands. Gives what it says on
-- standard output: errors are not there.
function gdb_session.run(target, file, commands)
    local words = support.concat({ "timeout", "-k", "3", tostring(SECONDS * support.patience) }, gdb_session.start,
        { "-batch", "-ex", "target remote " .. target })
    for _, command in ipairs(commands) do table.move({ "-ex", command }, 1, 2, #words + 1, words) end
    words[#words + 1] = file
    return support.run(words).out
end

--- The lines that gdb says, without what differs from run to run: addresses, ids of processes and threads (which have
-- few digits soon after the host has started), widths of columns, numbers of frames, and where a thread is that does
-- not stop by itself: `info threads` shows thread 1 so while it is not the selected one.
function gdb_session.lines(out)
    local list = {}
    for line in out:gmatch("[^\n]+") do
        line = line:gsub("process %d+", "process N"):gsub("Thread %d+%.%d+", "Thread N"):gsub("0x%x+", "ADDRESS")
        line = line:gsub("%s+", " "):gsub("^#%d+", "#"):gsub("%(remote |.-%)", "(remote)")
        list[#list + 1] = (line:gsub('^( 1 Thread N "[^"]*").*', "%1"))
    end
    return list
end

--- The lines from the first that has a text on.
function gdb_session.from(list, text)
    for i, line in ipairs(list) do
        if line:find(text, 1, true) then return table.move(list, i, #list, 1, {}) end
    end
    return {}
end

--- Runs a session over `tiexec --gdb` and over gdbserver, and compares what gdb says from the first line on that has a
-- text.
function gdb_session.same_from(text, commands, words)
    local ours = gdb_session.run(gdb_session.pipe(words), words[1], commands)
    local theirs = gdb_session.run(gdb_session.gdbserver(words), words[1], commands)
    local expected = gdb_session.from(gdb_session.lines(theirs), text)
    assert.is_true(#expected >= 3, theirs)
    assert.same(expected, gdb_session.from(gdb_session.lines(ours), text))
end

return gdb_session
