-- SPDX-License-Identifier: Apache-2.0
--- Getting a part of a file onto huge pages of the page cache, for the source `file`: block by
-- block, one for each huge page.
--
-- Small pages stay small as long as they are cached, but a block of which nothing is cached is read
-- onto a huge page. So what is small is dropped, and all is read that is not cached then: each
-- block once. A page that has been dropped is gone if the disk has failed since it was read. So
-- what is to be dropped is read from the medium first, past the page cache, and compared.
--
-- All this is done in this process. The target only forgets its page table entries for what is to
-- be dropped: the kernel drops nothing that anybody maps.

local cached = require "tiexec.sources.cached"
local codes = require "tiexec.base.codes"
local core = require "tiexec.core"

local c = core.constants
local recache = {}

local ahead -- what was last read ahead: `inode`, `from`, `to`

-- Calls `visit` with the offsets of each run of blocks in one of the states of a pattern. Ends with
-- what `visit` gives, when that is false.
local function each_run(file, states, pattern, visit)
    for first, last in states:gmatch("()" .. pattern .. "+()") do
        local ok, why, state = visit(file.from + (first - 1) * file.huge,
            file.from + (last - 1) * file.huge)
        if not ok then return nil, why, state end
    end
    return true
end

-- It is needed only where something is small.
local function get_vain() return require "tiexec.sources.vain" end

-- What is noted of a file that was tried in vain. Nothing is while the target stands still: its
-- filesystem might be what stands still.
local function is_noted_vain(file)
    return not file:is_still() and get_vain().is_noted(core.stat("/proc/self/fd/" .. file.fd))
end

local function note_vain(file)
    if not file:is_still() then get_vain().note(core.stat("/proc/self/fd/" .. file.fd)) end
end

-- Drops and reads again what is small of one run. The first block alone comes first: if it stays
-- small, the others would, too.
local function renew(file, from, to)
    local first = file.renewed and to or from + file.huge
    file.renewed = true
    for _, run in ipairs { { from, first }, { first, to } } do
        if run[1] < run[2] then
            local ok, why, lost = file:drop(run[1], run[2])
            if ok then ok, why, lost = file:read(run[1], run[2]) end
            if why == codes.words("no-large-folios") then note_vain(file) end
            if not ok then return nil, why, lost and "lost" or nil end
        end
    end
    return true
end

-- Says why blocks must stay as they are; nil: they may be dropped.
local function reason_to_keep(file, states, options)
    if not states:find("[sp]") then return nil end
    if options.recache == "never" then return codes.words("not-recached") end
    if is_noted_vain(file) then return codes.words("no-large-folios") end
    local why
    each_run(file, states, "[sp]", function(from, to)
        local held, unknown = file:is_held(from, to)
        why = unknown or held and codes.words("in-use") or nil
        return not why
    end)
    return why
end

-- Gets all blocks onto huge pages. First those that are small, since they may have to stay so: then
-- nothing else is read in vain. true; or nil, why not, and "lost" if what was dropped cannot be
-- read.
local function make_huge(file, options)
    local states, why = file:look()
    if not states then return nil, why end
    if states:find("[^h]") then
        local ok
        ok, why = file:answers()
        if not ok then return nil, why end
    end
    if states:find("[sp]")
        and core.blocks_collapse(file.fd, file.from, file.to, file.huge) then
        return true
    end
    why = reason_to_keep(file, states, options)
    if why then return nil, why end
    local ok, lost
    ok, why, lost = each_run(file, states, "[sp]", function(from, to)
        return renew(file, from, to)
    end)
    if not ok then return nil, why, lost end
    ok, why = each_run(file, states, "%.", function(from, to) return file:read(from, to) end)
    return ok, why
end

-- Says what has come of it if pages that were dropped could not be read again after all.
local function failed(target, part, why)
    for _, m in ipairs(part.mappings) do
        local start, stop = math.max(m.start, part.start), math.min(m.stop, part.stop)
        if start < stop then
            local ok, _, errno = target.call("madvise", start, stop - start, c.MADV_POPULATE_READ)
            if not ok and errno == c.EFAULT then return nil, why, "broken" end
        end
    end
    return nil, why
end

local function open_part(target, part, path, huge)
    return cached.open { target = target, part = part, huge = huge, path = path,
        from = part.start - part.base, to = part.stop - part.base }
end

--- Tells whether all of a part is cached, on whatever pages: then the target may read it. Where the
-- kernel does not tell this user, what was read ahead counts as cached.
-- @tparam Target target
-- @tparam FilePart part
-- @string path where this process can read the file
-- @int huge the size of a huge page, in bytes
-- @treturn boolean
function recache.is_cached(target, part, path, huge)
    local file <close> = open_part(target, part, path, huge)
    if not file then return false end
    local is, _, errno = core.blocks_are_cached(file.fd, file.from, file.to, huge)
    local was_read = ahead and ahead.inode == part.text.inode and ahead.from <= file.from
        and ahead.to >= file.to
    return is or errno == c.EPERM and was_read or false
end

--- Tells whether all of a part is cached on huge pages.
-- @tparam Target target
-- @tparam FilePart part
-- @string path where this process can read the file
-- @int huge the size of a huge page, in bytes
-- @treturn boolean
function recache.is_huge(target, part, path, huge)
    local file <close> = open_part(target, part, path, huge)
    local states = file and file:look()
    return states ~= nil and not states:find("[^h]")
end

--- Gets the blocks of a part onto huge pages of the page cache.
-- @tparam Target target
-- @tparam FilePart part
-- @int fd the target's descriptor of the file
-- @int huge the size of a huge page, in bytes
-- @tparam RunOptions options `recache`: "never" leaves all that is cached as it is
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string why some of them stay small
-- @treturn[2] ?string "broken": the text of the process is not whole any more
function recache.make_huge(target, part, fd, huge, options)
    local path = ("/proc/%d/fd/%d"):format(target.pid, fd)
    local file <close>, why = open_part(target, part, path, huge)
    if not file then return nil, why end
    local ok, lost
    ok, why, lost = make_huge(file, options)
    if lost then return failed(target, part, why) end
    return ok, why
end

--- Reads a part of a file that nobody has mapped yet, before somebody touches a page here and
-- there: each of those would keep its block small. Only a file of which something is missing in
-- the page cache is dealt with. What comes of it is seen later, by `make_huge`.
-- @string path
-- @tparam Range part offsets in the file, whole huge pages
-- @int huge the size of a huge page, in bytes
-- @tparam RunOptions options as above
function recache.read_ahead(path, part, huge, options)
    local from, to = part.start, part.stop
    local file <close> = cached.open { path = path, from = from, to = to, huge = huge }
    if not file then return end
    local is_cached, _, errno = core.blocks_are_cached(file.fd, from, to, huge)
    if is_cached or errno and errno ~= c.EPERM then return end
    make_huge(file, options)
    ahead = { inode = (core.stat(path) or {}).inode, from = from, to = to }
end

-- Gets each block onto a huge page by itself: those that must stay small keep no other from it.
-- Gives why the first of them stays small.
local function warm_each(file, options)
    local from, to, first = file.from, file.to, nil
    for at = from, to - file.huge, file.huge do
        file.from, file.to = at, at + file.huge
        local ok, why = make_huge(file, options)
        if not ok then first = first or why end
        if why == codes.words("no-large-folios") then break end
    end
    file.from, file.to = from, to
    return first
end

local function count_huge(file)
    local states, why = file:look()
    if not states then return nil, why end
    return select(2, states:gsub("h", "")) * file.huge
end

--- Gets a part of a file onto huge pages of the page cache, ahead of any start.
-- @string path
-- @tparam Range part offsets in the file, whole huge pages
-- @int huge the size of a huge page, in bytes
-- @tparam RunOptions options as above
-- @treturn[1] table `before` and `after`, the bytes that were on huge pages and are now; `why`, if
-- not all are; `held`, if that is because others map them
-- @treturn[2] nil, string why nothing could be done
function recache.warm(path, part, huge, options)
    local file <close>, refused = cached.open { path = path, from = part.start, to = part.stop,
        huge = huge }
    if not file then return nil, refused end
    local result = {}
    result.before, refused = count_huge(file)
    if not result.before then return nil, refused end
    local ok, why = make_huge(file, options)
    if not ok and why ~= codes.words("no-large-folios") then why = warm_each(file, options) end
    result.after = count_huge(file) or 0
    if result.after < part.stop - part.start then
        result.why = why or codes.words("no-large-folios")
        result.held = why == codes.words("in-use")
    end
    return result
end

--- Makes the system calls of this file, on what is no part of any file.
-- @int huge the size of a huge page, in bytes
function recache.rehearse(huge)
    local FAR <const> = 1 << 40
    local fd = core.open_file("/proc/self/exe")
    if not fd then return end
    for _, name in ipairs { "are_cached", "look", "read", "collapse", "are_mapped", "drop" } do
        core["blocks_" .. name](fd, FAR, FAR + huge, huge, fd)
    end
    core.syscall("close", fd)
end

return recache
