-- SPDX-License-Identifier: Apache-2.0
--- What the setting `follow` asks for: see the section "From scripts to programs" of INTERNALS.md.

local settings = require "tiexec.plan.settings"

local following = {}

local NOTHING <const> = { none = true }

-- With `--strict` or `--require` a setting with auto asks to wait for the program that is meant.
local waiting = setmetatable({}, { __mode = "k" })

local function wait_for_meant(follow)
    local other = waiting[follow]
    if not other then
        other = { meant = true, is_default = follow == settings.default_follow }
        for name, value in pairs(follow) do other[name] = value end
        waiting[follow] = other
    end
    return other
end

--- What is to be followed of a program. `meant` in it, of `--strict` and `--require`: programs
-- that only become or start others, such as shells, stay traced until they have, and so do those
-- that they start.
-- @tparam Chosen chosen
-- @tparam ?boolean is_alone whether somebody else follows it, such as a script
-- @treturn table the setting
function following.of(chosen, is_alone)
    local follow = chosen.follow or is_alone and NOTHING or settings.default_follow
    local is_demanded = chosen.strict or chosen.require
    return is_demanded and follow.auto and wait_for_meant(follow) or follow
end

--- Whether nobody has said what is to be followed. Then what the kernel refuses is not missed,
-- and nothing is said of it.
-- @tparam table follow the setting
-- @treturn boolean
function following.is_default(follow)
    return follow == settings.default_follow or follow.is_default or false
end

-- Whether tracing is to last until the watch stands, so that nothing is missed. Who has not asked
-- for a watch is not to see a tracer.
local function is_bridged(follow)
    return follow.auto ~= nil and not following.is_default(follow)
end

--- Whether a watch over the whole family is asked for.
-- @tparam table follow the setting
-- @treturn boolean
function following.wants_watch(follow)
    return (follow.auto or follow.dlopen and follow.fork) ~= nil
end

--- Whether libraries that are loaded later are asked for, by a watch or by the dynamic linker's
-- list.
-- @tparam table follow the setting
-- @treturn boolean
function following.looks_for_libraries(follow)
    return follow.dlopen or following.wants_watch(follow)
end

--- How long a program is watched once it has gained.
-- @tparam table follow the setting
-- @treturn ?number seconds; nil: until it ends
function following.seconds(follow) return not follow.dlopen and follow.auto or nil end

--- Whether what a traced program starts is traced, too. With auto it is until the watch stands,
-- where that was asked for.
-- @tparam table follow the setting
-- @tparam ?boolean is_watched whether the watch stands
-- @treturn boolean
function following.traces_children(follow, is_watched)
    return follow.fork or follow.all or follow.meant or is_bridged(follow) and not is_watched
end

--- Whether a program stays traced when its work is done. With all (trace) each does; with exec or
-- fork, and with auto (asked for) until the watch stands, one that had nothing to gain. That is a
-- shell, which may become another program or start some. With `--strict` one that only does that.
-- @tparam table follow the setting
-- @tparam boolean is_remapped whether it had something to gain
-- @tparam ?boolean is_watched whether the watch stands
-- @tparam ?boolean is_go_between whether it only becomes or starts others
-- @treturn boolean
function following.keeps(follow, is_remapped, is_watched, is_go_between)
    if follow.all then return true end
    if is_remapped then return false end
    if follow.meant and is_go_between then return true end
    return follow.exec or follow.fork or is_bridged(follow) and not is_watched
end

return following
