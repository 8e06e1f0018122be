-- SPDX-License-Identifier: Apache-2.0
--- Colours, for terminals alone: not into pipes and files, nor against NO_COLOR or a dumb terminal.

local core = require "tiexec.core"

local terminal = {}

local codes <const> = { bold = "1", faint = "2", red = "31", green = "32", yellow = "33", blue = "34", magenta = "35",
    cyan = "36" }

--- A function that paints text in a colour by its name, or leaves it as it is.
-- @int fd where the text will go to
function terminal.painter(fd)
    local plain = not core.isatty(fd) or os.getenv("NO_COLOR") or os.getenv("TERM") == "dumb"
    return function(colour, text)
        if plain or not codes[colour] then return text end
        return "\27[" .. codes[colour] .. "m" .. text .. "\27[0m"
    end
end

return terminal
