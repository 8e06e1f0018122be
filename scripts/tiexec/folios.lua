-- SPDX-License-Identifier: Apache-2.0
--- Pages larger than the base page and smaller than the PMD's: smaps does not tell of them. Where pages lie in
-- memory does, which it takes CAP_SYS_ADMIN to see; else one has the word of the source that has counted them.

local core = require "tiexec.core"
local planner = require "tiexec.planner"

local folios = {}

local function look(pid, start, stop, size)
    local first, last = planner.align_down(start, size), planner.align_up(stop, size)
    local bytes = core.folios(pid, first, last, size)
    if not bytes then return nil end
    local beyond = 0
    if core.folios(pid, first, first + size, size) == size then beyond = start - first end
    if core.folios(pid, last - size, last, size) == size then beyond = beyond + last - stop end
    return bytes - beyond, bytes // size
end

local function told(results, start, stop, size)
    local bytes, pages = 0, 0
    for _, result in ipairs(results) do
        local from, to = math.max(result.start, start), math.min(result.stop, stop)
        if result.source and from < to then
            bytes = bytes + to - from
            pages = pages + (planner.align_up(to, size) - planner.align_down(from, size)) // size
        end
    end
    return bytes, pages
end

--- How much of [start, stop) is on pages of the size in question, where that is not the PMD's. Such a page may
-- reach beyond the range.
-- @int pid
-- @int start
-- @int stop
-- @tparam table host
-- @tparam ?table results of the executor
-- @treturn[1] int bytes of the range
-- @treturn[1] int pages
-- @treturn[2] nil it is the PMD's, and smaps tells; or nobody does
function folios.count(pid, start, stop, host, results)
    local size = host.huge_page_size
    if size == host.pmd_size then return nil end
    local bytes, pages = look(pid, start, stop, size)
    if bytes or not results then return bytes, pages end
    return told(results, start, stop, size)
end

return folios
