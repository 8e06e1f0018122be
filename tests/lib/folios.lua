-- SPDX-License-Identifier: Apache-2.0
-- For the specs of pages smaller than the PMD's: smaps does not tell of them, so they are found in
-- /proc/PID/pagemap and /proc/kpageflags, without tiexec's own code. Only root may read these.

local support = require "tests.lib.support"

local folios = {}

local FRAME <const>, HEAD <const>, TAIL <const> = (1 << 55) - 1, 1 << 15, 1 << 16

local function words(file, index, count)
    file:seek("set", index * 8)
    local text = file:read(count * 8) or ""
    return #text == count * 8 and { string.unpack("<" .. ("i8"):rep(count), text) } or {}
end

-- Whether a block is mapped by pages that lie side by side in one folio.
local function is_one(pagemap, flags, at, size, page)
    local count = size // page
    local entries = words(pagemap, at // page, count)
    local first = entries[1] and entries[1] & FRAME or 0
    if first == 0 or first % count ~= 0 then return false end
    local marks = words(flags, first, count)
    for i = 1, count do
        if entries[i] & FRAME ~= first + i - 1 or (marks[i] or 0) & (i == 1 and HEAD | TAIL or TAIL) == 0 then
            return false
        end
    end
    return true
end

-- Whether a mapping is a copy of text. The page cache has large folios, too, but those are not tiexec's work.
local function is_copy(m)
    return m.perms:find("x") and (m.path == "" or m.path:find("^%[anon:") or m.path:find("^/anon_hugepage"))
end

--- Bytes of a process's copied text within whole blocks of `size` that are each in one folio.
function folios.of_text(pid, size)
    local page = require "tiexec.core".page_size()
    local pagemap <close> = assert(io.open(("/proc/%d/pagemap"):format(pid), "rb"))
    local flags <close> = assert(io.open("/proc/kpageflags", "rb"))
    local sum = 0
    for _, m in ipairs(support.smaps(pid)) do
        if is_copy(m) and m.start >= 0 then
            local at = (m.start + size - 1) // size * size
            while at + size <= m.stop do
                if is_one(pagemap, flags, at, size, page) then sum = sum + size end
                at = at + size
            end
        end
    end
    return sum
end

return folios
