-- SPDX-License-Identifier: Apache-2.0
--- What /proc/ID/status tells of a thread. To write that file takes the kernel longer than most. So
-- who needs several fields, or one of a thread whose status is at hand, reads it once.

local core = require "tiexec.core"

local status = {}

--- Reads the file.
-- @param id a process id, a thread id, "self" or "thread-self"
-- @treturn[1] string
-- @treturn[2] nil, message, errno
function status.read(id) return core.read_at_once(("/proc/%s/status"):format(id)) end

--- Gives one field as a number.
-- @tparam ?string text what `status.read` has given
-- @string name of the field
-- @int[opt=10] base 16 for masks
-- @treturn ?int nil: there is no text, or this kernel has no such field
function status.field(text, name, base)
    local _, stop = (text or ""):find("\n" .. name .. ":", 1, true)
    return stop and math.tointeger(tonumber(text:match("^%s*(%x+)", stop + 1), base or 10))
end

return status
