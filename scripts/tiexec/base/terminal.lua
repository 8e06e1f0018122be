-- SPDX-License-Identifier: Apache-2.0
--- Colours for terminals. Pipes, files and dumb terminals get none, and nobody does who sets
-- NO_COLOR.

local core = require "tiexec.core"

local terminal = {}

-- The parameters of the escape sequence "CSI … m" (ECMA-48).
local codes <const> = { bold = "1", faint = "2", red = "31", green = "32", yellow = "33",
    blue = "34", magenta = "35", cyan = "36" }

--- Makes a function that paints text for a file descriptor.
-- @int fd where the text will be written
-- @treturn func `paint(colour, text)` gives the text in a colour, which is called by its name. If
-- the descriptor gets no colours, or the colour is unknown, the text is unchanged.
function terminal.painter(fd)
    local plain = not core.isatty(fd) or os.getenv("NO_COLOR") or os.getenv("TERM") == "dumb"
    return function(colour, text)
        if plain or not codes[colour] then return text end
        return "\27[" .. codes[colour] .. "m" .. text .. "\27[0m"
    end
end

return terminal
