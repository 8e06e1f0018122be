-- SPDX-License-Identifier: Apache-2.0
-- --top on a terminal, which is as it was afterwards, whatever has ended it; and without one.

local json = require "dkjson"
local support = require "tests.lib.support"

local ENTER <const>, LEAVE <const> = "\27[?1049h\27[?25l", "\27[?25h\27[?1049l"

-- Runs a shell script on a new terminal of 80 columns and 24 rows, and types `keys` when --top has drawn. Gives all
-- that was written.
local function on_terminal(script, keys)
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/script", "stty rows 24 cols 80\n" .. script)
    local typed = keys and { "q ends", keys } or {}
    local result = support.run(support.concat({ support.programs .. "terminal" }, typed,
        { "--", "sh", folder.path .. "/script", support.tiexec, folder.path }))
    assert.equal(0, result.code, result.out)
    return result.out
end

-- Runs --top until it is ended by keys.
local ended_by_keys <const> = [[
before=$(stty -g)
sh -c 'echo "itself $$"; exec "$0" --top' "$1"
echo "status $?"
[ "$(stty -g)" = "$before" ] && echo restored
]]

-- Runs --top, which has the terminal at hand as descriptor 3, and sends it a signal when the terminal is not as before.
local ended_by_signal <const> = [[
before=$(stty -g)
exec 3<&0
"$1" --top <&3 &
until [ "$(stty -g)" != "$before" ]; do sleep 0.02; done
kill -SIGNAL $!
wait $!
echo "status $?"
for i in $(seq 200); do [ "$(stty -g)" = "$before" ] && echo restored && break; sleep 0.02; done
]]

-- The lines of the last picture before the terminal was put back.
local function last_frame(out)
    local frame = out:match("^.*\27%[H(.-)\27%[%?25h")
    local lines = {}
    for line in (frame:gsub("\27%[%a", "") .. "\r\n"):gmatch("(.-)\r*\n") do lines[#lines + 1] = line end
    return lines
end

describe("--top", function()
    for name, keys in pairs { q = "q", ["^C"] = "\3", ["^D"] = "\4", ["other keys, then Q"] = "x\27[A\26Q" } do
        it("ends by " .. name .. ", and leaves the terminal as it was", function()
            local out = on_terminal(ended_by_keys, keys)
            assert.matches("status 0\r\nrestored", out, 1, true)
            local enter, leave = out:find(ENTER, 1, true), out:find(LEAVE, 1, true)
            assert.is_true(enter and leave and enter < leave or false)
            assert.is_true(leave < out:find("status 0", 1, true))
        end)
    end

    for signal, status in pairs { TERM = 143, HUP = 129, KILL = 137, SEGV = 139 } do
        it("leaves the terminal as it was after SIG" .. signal, function()
            local out = on_terminal("ulimit -c 0\n" .. ended_by_signal:gsub("SIGNAL", signal))
            assert.matches("status " .. status, out, 1, true)
            assert.matches("restored", out, 1, true)
            assert.is_truthy(out:find(LEAVE, 1, true))
        end)
    end

    it("shows processes, no more rows than there are, and not itself", function()
        local process <close> = support.start { "sleep", "600" }
        local out = on_terminal(ended_by_keys, "q")
        local itself, lines = assert(out:match("itself (%d+)")), last_frame(out)
        assert.is_true(#lines > 3 and #lines <= 24, #lines)
        assert.matches("^tiexec %(q ends%): %d+ processes; of [%d.]+ MiB of text in memory", lines[1])
        for _, line in ipairs(lines) do
            assert.is_true((utf8.len(line) or 0) <= 80, line)
            assert.not_equal(itself, line:match("^ *(%d+)  "), line)
        end
        assert.is_true(process:is_alive())
    end)

    it("is drawn again", function()
        local script <const> = [["$1" --top; echo "status $?"]]
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/script", script)
        local result = support.run { support.programs .. "terminal", "q ends", "", "q ends", "q", "--", "sh",
            folder.path .. "/script", support.tiexec }
        assert.equal(0, result.code)
        assert.matches("status 0", result.out, 1, true)
        assert.is_true(select(2, result.out:gsub("q ends", "")) >= 2)
    end)

    it("without a terminal writes one table, and ends", function()
        local result = support.run_tiexec { "--top" }
        assert.same({ 0, "" }, { result.code, result.err })
        assert.matches("^ +pid  name +text", result.out)
        assert.is_nil(result.out:find("\27", 1, true))
        local value = json.decode(support.run_tiexec({ "--top", "--json" }).out)
        assert.is_true(#value.processes > 0)
    end)

    it("takes no process", function()
        assert.equal(125, support.run_tiexec({ "--top", "1" }).code)
    end)
end)
