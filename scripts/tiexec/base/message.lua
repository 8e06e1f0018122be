-- SPDX-License-Identifier: Apache-2.0
--- What tiexec says on standard error. Each message goes out in one write, so that lines of several
-- programs do not mix.

local message = {}

--- One line, after the program's name.
function message.say(format, ...)
    io.stderr:write("tiexec: ", format:format(...):gsub("\n", " "), "\n")
end

--- Text from elsewhere, with its control characters told by number: it stays one line, and a terminal
-- shows it and does not obey it.
function message.visible(text)
    return (text:gsub("%c", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

--- Text of any length, as it is.
function message.write(text)
    io.stderr:write(text)
end

return message
