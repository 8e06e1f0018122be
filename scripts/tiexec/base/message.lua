-- SPDX-License-Identifier: Apache-2.0
--- Messages on standard error. Each message goes out in one write, so that the lines of several
-- programs do not mix. Names from elsewhere may be in it: control characters are made visible.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local message = {}

--- Writes one line, which begins with the name of tiexec. A newline in the message becomes a space.
-- @string format a format of string.format
-- @param ... the values for the format
function message.say(format, ...)
    local line = format:format(...):gsub("[\n\t]", " ")
    core.write_message("tiexec: " .. text.visible(line) .. "\n")
end

--- Writes a text of any number of lines, unchanged. Names in it are to be visible already.
-- @string words
function message.write(words)
    core.write_message(words)
end

return message
