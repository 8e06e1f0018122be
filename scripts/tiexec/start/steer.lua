-- SPDX-License-Identifier: Apache-2.0
--- Places libraries at congruent addresses, on hosts where the kernel does not do so by itself.
--
-- For each library the dynamic linker first asks the kernel, by mmap, for room anywhere, and then
-- maps the library's parts there. The inferior is stopped at that system call, whose address is
-- changed to a congruent one. This address is below all other mappings: the kernel would have
-- chosen such a one, too, so the place is as random as without tiexec, except for the bits of the
-- alignment. The address is a hint: where the place is taken, the kernel chooses another.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local steer = {}

local MMAP <const> = core.syscall_number("mmap")

local Steering = {}
Steering.__index = Steering

--- Whether the kernel places libraries at addresses that are congruent only by chance. It does so
-- before Linux 6.7, on filesystems such as overlayfs and tmpfs, and since 6.12 where segments are
-- aligned to more than a page. The libraries are taken to lie on the filesystem of the dynamic
-- linker or the program.
-- @tparam Inferior inferior
-- @tparam ?Image image of its executable
-- @string[opt] linker the dynamic linker's path; nil if the program has none
function steer.is_needed(inferior, image, linker)
    if not linker then return false end
    if not core.places_congruent(linker) then return true end
    local its = images.of(linker)
    if its and image and its.device == image.device then return false end
    return not core.places_congruent(("/proc/%d/exe"):format(inferior:pid()))
end

--- Starts steering. The result must be given each stop at a system call up to the entry point.
-- @tparam Inferior inferior
-- @treturn table its method `at_syscall` takes the events
function steer.start(inferior)
    return setmetatable({ inferior = inferior, huge = core.huge_page_size() }, Steering)
end

-- Whether a call of mmap asks for the room of a library that has huge pages. It either maps the
-- whole library, or, where segments are aligned to more than a page (since glibc 2.35), memory
-- without access that the library is mapped over.
local function is_for_library(arguments, huge)
    local address, size, protection, flags, fd, offset = table.unpack(arguments)
    if address ~= 0 or size < huge then return false end
    if flags == c.MAP_PRIVATE | c.MAP_ANONYMOUS then return protection == c.PROT_NONE end
    local kind = flags & (c.MAP_PRIVATE | c.MAP_ANONYMOUS)
    return offset == 0 and fd & 0x80000000 == 0 and kind == c.MAP_PRIVATE
end

-- The highest congruent address for `size` bytes below the mappings above the heap; nil if the
-- heap's place is not known. The kernel, too, maps downward from the stack.
local function congruent_place(inferior, size, huge)
    local heap = (core.layout(inferior:pid()) or {}).start_brk
    for _, m in ipairs(heap and inferior:mappings() or {}) do
        if m.start > heap and m.path ~= "[heap]" then
            return ranges.align_down(m.start - size, huge)
        end
    end
end

--- Handles the stop of a system call.
-- @tparam Event event syscall-entry or syscall-return
function Steering:at_syscall(event)
    if event.reason == "syscall-return" then
        if self.steered then self.inferior:set_first_argument(0, true) end
        self.steered = nil
    elseif event.syscall == MMAP and is_for_library(event.arguments, self.huge) then
        local place = congruent_place(self.inferior, event.arguments[2], self.huge)
        self.steered = place ~= nil and self.inferior:set_first_argument(place)
    end
end

return steer
