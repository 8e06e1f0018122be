-- SPDX-License-Identifier: Apache-2.0
--- Shows system calls and times, for `--debug`.

local message = require "tiexec.base.message"
local text = require "tiexec.base.text"

local debug_lines = {}

--- Makes a function that shows each remote system call in a line, for `targets.of`.
-- @tparam Chosen chosen
-- @treturn ?Trace nil: `--debug syscalls` was not asked for
function debug_lines.syscall_trace(chosen)
    if not chosen.debug.syscalls then return nil end
    return function(name, arguments, result, why)
        local words = {}
        for i = 1, arguments.n do words[i] = text.hex(arguments[i]) end
        message.say("syscalls: %s(%s) = %s", name, table.concat(words, ", "),
            result and text.hex(result) or why)
    end
end

--- Shows how long each range took, and how long the plan and the remapping took as a whole.
-- @tparam table results list of Result
-- @number planning seconds
-- @number remapping seconds
function debug_lines.timing(results, planning, remapping)
    for _, result in ipairs(results) do
        message.say("timing: %#x-%#x by %s: %.2f ms", result.start, result.stop,
            result.source or "none", result.seconds * 1000)
    end
    message.say("timing: plan %.2f ms, remap %.2f ms", planning * 1000, remapping * 1000)
end

--- Shows how long a process has stood still.
-- @number seconds
function debug_lines.stopped(seconds) message.say("timing: stopped %.2f ms", seconds * 1000) end

return debug_lines
