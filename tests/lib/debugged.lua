-- SPDX-License-Identifier: Apache-2.0
-- For the specs of debuggers and profilers: programs that run from huge pages of each source.

local support = require "tests.lib.support"

local debugged = {}

local POOL_PAGES <const> = 32
local START_S <const> = 60

-- The field of smaps that tells of each.
local fields = { file = "FilePmdMapped", shared = "ShmemPmdMapped", thp = "AnonHugePages", hugetlb = "Private_Hugetlb" }

debugged.sources = { "file", "shared", "thp", "hugetlb" }

--- Arranges the host for a file of tests: a pool, transparent huge pages, a cache folder. `restore` undoes that.
function debugged.prepare()
    debugged.cache = support.folder("/dev/shm")
    debugged.pool, debugged.mode = support.pool(POOL_PAGES), support.thp("madvise")
end

--- Undoes `prepare`.
function debugged.restore()
    for _, value in pairs { debugged.pool, debugged.mode, debugged.cache } do getmetatable(value).__close() end
end

--- The words that start a program by a source; without tiexec if the source is nil.
function debugged.words(source, words, options)
    return source and support.words_by(source, debugged.cache.path, words, options) or words
end

--- Why a source cannot be had here; nil if it can.
function debugged.lacks(source)
    if source == "hugetlb" and not debugged.pool then return "no hugetlb pool: not root, or no memory" end
end

--- Starts a program by a source and waits until nobody traces it.
-- @treturn[1] process
-- @treturn[2] nil, string why its text is not huge here, by no fault of tiexec's
function debugged.start(source, words, options)
    local process = support.start(debugged.words(source, words, options))
    local name = words[1]:match("[^/]*$")
    assert(support.wait_for(function() return support.has_become(process.pid, name) end, START_S), "it has not started")
    if not source then return process end
    local _, by = support.huge_text(process.pid)
    if by == fields[source] then return process end
    getmetatable(process).__close(process)
    if source == "file" and not by then return nil, "this filesystem has no large folios" end
    error(("text is not huge by %s but by %s"):format(source, by or "nothing"))
end

return debugged
