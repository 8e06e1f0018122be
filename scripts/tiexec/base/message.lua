-- SPDX-License-Identifier: Apache-2.0
--- Messages on standard error. Each message goes out in one write, so that the lines of several
-- programs do not mix.

local message = {}

--- Writes one line, which begins with the name of tiexec. A newline in the message becomes a space.
-- @string format a format of string.format
-- @param ... the values for the format
function message.say(format, ...)
    io.stderr:write("tiexec: " .. format:format(...):gsub("\n", " ") .. "\n")
end

--- Writes a text of any number of lines, unchanged.
-- @string text
function message.write(text)
    io.stderr:write(text)
end

return message
