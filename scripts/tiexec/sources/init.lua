-- SPDX-License-Identifier: Apache-2.0
--- Page sources: where huge pages come from. Each is a module of its own beside this file:
--
--   name, description
--   uses_pool: `host.pool` must be as it is now (optional)
--   fit(process, range, host) -> the part of a range that it could serve now, or nil and why. `below` and
--     `above` of the part: what is there that it cannot serve (optional)
--   keeps_file: the part stays the file's own, nothing is copied
--   remap(process, part, host, options) -> true, or nil and why: the part is as it was
--   anonymous: whether what it gives is no file's, so that profilers find no names there
--   rehearse(process, host) -> nothing: the same kinds of system call, where remap cannot be tried on
--     anonymous memory (optional)
--
-- `process` does system calls and copies in the target: see `tiexec.process`.

--- Tried in this order where nothing else is said: first what needs no preparation of the host.
local order = { "file", "shared", "thp", "hugetlb" }

local list = {}

--- The default order, a fresh list.
function list.default()
    return table.move(order, 1, #order, 1, {})
end

--- The source called `name`. Each is loaded when it is first needed.
function list.get(name)
    return require("tiexec.sources." .. name)
end

local function is_known(name)
    for _, known in ipairs(order) do
        if known == name then return true end
    end
    return false
end

--- Checks a list of names. Returns nil when it is good, else what is wrong.
function list.check(names)
    if #names == 0 then return "the list of sources is empty" end
    for _, name in ipairs(names) do
        if not is_known(name) then
            return ("unknown source '%s' (there are: %s)"):format(name, table.concat(order, ", "))
        end
    end
end

return list
