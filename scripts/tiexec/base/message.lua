-- SPDX-License-Identifier: Apache-2.0
--- What tiexec says on standard error. Each message goes out in one write, so that lines of several
-- programs do not mix.

local message = {}

--- Says one line, after the program's name.
-- @string format as string.format takes it, with its values
function message.say(format, ...)
    io.stderr:write("tiexec: " .. format:format(...):gsub("\n", " ") .. "\n")
end

--- Writes text of any length, as it is.
function message.write(text)
    io.stderr:write(text)
end

return message
