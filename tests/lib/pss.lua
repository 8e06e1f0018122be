-- SPDX-License-Identifier: Apache-2.0
-- For the specs of memory: how much of it the text of many processes of one program takes. Pss counts a page
-- that n processes map as 1/n of a page in each.

local support = require "tests.lib.support"

local pss = { program = support.programs .. "bigtext" } -- reads all of its text, says so, and waits

-- The executable mappings of `path`, and of a copy in the cache folder.
local function text_of(pid, path, cache)
    local sum = 0
    for _, m in ipairs(support.smaps(pid)) do
        local is_text = m.path == path or m.path:sub(1, #cache) == cache or m.path == "" or m.path:find("hugepage")
        if m.perms:find("x", 1, true) and is_text then sum = sum + m.Pss + (m.Private_Hugetlb or 0) end
    end
    return sum
end

-- Starts one and waits until it has read its text.
local function start(words, folder, i)
    local out = ("%s/out%d"):format(folder, i)
    local process = support.start(words, (">%s 2>%s.err"):format(out, out))
    assert(support.wait_for(function() return (support.read_file(out) or "") ~= "" end, 60),
        support.read_file(out .. ".err"))
    return process
end

--- Runs `count` processes of the program at once, measures, and ends them.
-- @int count
-- @string[opt] source started by tiexec with that one; else plainly
-- @treturn int the sum of their text's Pss
-- @treturn int bytes of huge text in the process that has least of it
function pss.of(count, source)
    local folder <close> = support.folder()
    local cache <close> = support.folder("/dev/shm")
    local words = { pss.program, "wait" }
    if source then words = support.words_by(source, cache.path, words) end
    local all <close> = setmetatable({}, { __close = function(list)
        for _, process in ipairs(list) do process:__close() end
    end })
    for i = 1, count do all[i] = start(words, folder.path, i) end
    local path = support.run({ "realpath", pss.program }).out:match("[^\n]+")
    local sum, least = 0, math.maxinteger
    for _, process in ipairs(all) do
        sum = sum + text_of(process.pid, path, cache.path)
        least = math.min(least, (support.huge_text(process.pid)))
    end
    return sum, least
end

return pss
