-- SPDX-License-Identifier: Apache-2.0
--- Putting libraries where their files' pages can be huge, where the kernel does not do it of itself.
--
-- The dynamic linker asks for the room of each library, anywhere, and puts its parts there. It is stopped at
-- that system call, and asks for a place that is congruent instead: below all others, as the kernel would have
-- chosen, and thus as random, less the bits of the alignment. It is but a hint: where that place is taken, the
-- kernel chooses another.

local core = require "tiexec.core"

local c = core.constants
local steer = {}

local MMAP <const> = core.syscall_number("mmap")

local Steering = {}
Steering.__index = Steering

--- Whether the kernel leaves it to chance: before Linux 6.7, on filesystems such as overlayfs and tmpfs, and since 6.12
-- where segments are aligned to more than a page.
-- Libraries are taken to lie where the dynamic linker or the program does.
-- @param inferior
-- @string[opt] linker the dynamic linker's path
function steer.is_needed(inferior, linker)
    return linker ~= nil and not (core.places_congruent(linker)
        and core.places_congruent(("/proc/%d/exe"):format(inferior:pid())))
end

--- Gives what is to be told of each stop at a system call, up to the entry point.
function steer.start(inferior)
    return setmetatable({ inferior = inferior, huge = core.huge_page_size() }, Steering)
end

-- Whether it asks for the room of a whole library that has huge pages, anywhere: by its mapping, or, where segments
-- are aligned to more than a page (since glibc 2.35), by memory without access for it to be mapped over.
local function is_library(arguments, huge)
    local address, size, protection, flags, fd, offset = table.unpack(arguments)
    if address ~= 0 or size < huge then return false end
    if flags == c.MAP_PRIVATE | c.MAP_ANONYMOUS then return protection == c.PROT_NONE end
    return offset == 0 and fd & 0x80000000 == 0 and flags & (c.MAP_PRIVATE | c.MAP_ANONYMOUS) == c.MAP_PRIVATE
end

-- Below the lowest mapping above the heap. The kernel maps downward, too.
local function congruent_place(inferior, size, huge)
    local heap = (core.layout(inferior:pid()) or {}).start_brk
    for _, m in ipairs(heap and inferior:mappings() or {}) do
        if m.start > heap and m.path ~= "[heap]" then return (m.start - size) & -huge end
    end
end

--- Takes in the stop of a system call.
function Steering:at_syscall(event)
    if event.reason == "syscall-return" then
        if self.steered then self.inferior:set_first_argument(0, true) end
        self.steered = nil
    elseif event.syscall == MMAP and is_library(event.arguments, self.huge) then
        local place = congruent_place(self.inferior, event.arguments[2], self.huge)
        self.steered = place ~= nil and self.inferior:set_first_argument(place)
    end
end

return steer
