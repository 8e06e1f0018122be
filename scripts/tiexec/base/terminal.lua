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

local TIOCGWINSZ <const> = 0x5413

-- Asks the kernel how many columns a terminal has; nil: it does not tell.
local function ask(fd)
    local c, SIZE <const> = core.constants, 4096
    local place = core.syscall("mmap", 0, SIZE, c.PROT_READ | c.PROT_WRITE,
        c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    local memory = place and core.syscall("ioctl", fd, TIOCGWINSZ, place) == 0
        and io.open("/proc/self/mem", "rb")
    local bytes = memory and memory:seek("set", place) and memory:read(4) -- rows, columns
    if memory then memory:close() end
    if place then core.syscall("munmap", place, SIZE) end
    local columns = bytes and #bytes == 4 and select(2, string.unpack("HH", bytes)) or 0
    return columns > 0 and columns or nil
end

--- Tells how many columns there are for a table.
-- @int fd where it will be written
-- @treturn ?int nil: as many as one likes, since it is no terminal
function terminal.width(fd)
    if not core.isatty(fd) then return nil end
    return math.tointeger(tonumber(os.getenv("COLUMNS") or "")) or ask(fd) or 80
end

return terminal
