-- SPDX-License-Identifier: Apache-2.0
--- Messages on standard error, and output that has to wait like them. Each message goes out in one
-- write, so that the lines of several programs do not mix. Names from elsewhere may be in it:
-- control characters are made visible.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local message = {}

local held -- what is to be written later, by the process `pid`; or nil

-- A forked copy of this process, which will not come to write later, writes at once.
local function write(words)
    if held and held.pid == core.getpid() then
        held[#held + 1] = words
    else
        core.write_message(words)
    end
end

--- From now on messages wait until `message.release`: whoever reads them may stand still.
function message.hold() held = { pid = core.getpid() } end

--- Writes the messages that have waited.
function message.release()
    local list = held or {}
    held = nil
    for _, words in ipairs(list) do
        if type(words) == "table" then
            message.output(words.words, words.file)
        else
            write(words)
        end
    end
end

--- Writes one line, which begins with the name of tiexec. A newline in the message becomes a space.
-- @string format a format of string.format
-- @param ... the values for the format
function message.say(format, ...)
    local line = format:format(...):gsub("[\n\t]", " ")
    write("tiexec: " .. text.visible(line) .. "\n")
end

--- Says in words what has ended some work: a lack of memory is no error of tiexec's own.
-- @param why what pcall or xpcall has given
-- @treturn string
function message.of_error(why)
    why = tostring(why)
    return why == "not enough memory" and why or "internal error: " .. why
end

--- Says what has come of a program after an error, if it can be said.
-- @string name of the program
-- @string what
-- @param why the error
function message.say_error(name, what, why)
    pcall(message.say, "%s: %s: %s", name, what, message.of_error(why))
end

--- Writes a text to a file, standard output by default. It waits like messages.
-- @string words
-- @param[opt] file open for writing
function message.output(words, file)
    if held and held.pid == core.getpid() then
        held[#held + 1] = { words = words, file = file }
        return
    end
    file = file or io.stdout
    file:write(words)
    file:flush()
end

--- Writes a text of any number of lines, unchanged. Names in it are to be visible already.
-- @string words
function message.write(words)
    write(words)
end

return message
