-- SPDX-License-Identifier: Apache-2.0
--- Holds parts of files in memory: they are mapped and locked, so that the kernel neither drops nor
-- splits their huge pages when memory is short.

local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local keep = {}

-- Maps a part of a file where it can be huge.
local function map(fd, part, huge)
    local size = part.stop - part.start
    local base, why = core.syscall("mmap", 0, size + huge, c.PROT_NONE,
        c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_NORESERVE, -1, 0)
    if not base then return nil, why end
    local place
    place, why = core.syscall("mmap", ranges.align_up(base, huge), size, c.PROT_READ,
        c.MAP_PRIVATE | c.MAP_FIXED, fd, part.start)
    if not place then return nil, why end
    core.syscall("madvise", place, size, c.MADV_HUGEPAGE)
    return place
end

--- Maps parts of a file, and locks them, until this process ends.
-- @string path
-- @tparam table list of Range, offsets in the file
-- @int huge the size of a huge page, in bytes
-- @treturn int how many bytes are held
-- @treturn ?string why not all are, or why they are not locked
function keep.hold(path, list, huge)
    local fd, why = core.open_file(path)
    if not fd then return 0, why end
    local bytes = 0
    for _, part in ipairs(list) do
        local place, refused = map(fd, part, huge)
        if place then
            local size, _ = part.stop - part.start, nil
            bytes = bytes + size
            _, refused = core.syscall("mlock", place, size)
            core.syscall("madvise", place, size, c.MADV_POPULATE_READ)
            if refused then refused = "it is held, but not locked (ulimit -l): " .. refused end
        end
        why = why or refused
    end
    core.syscall("close", fd)
    return bytes, why
end

--- Waits for a signal, which ends this process.
function keep.wait()
    while true do core.syscall("ppoll", 0, 0, 0, 0, 8) end
end

return keep
