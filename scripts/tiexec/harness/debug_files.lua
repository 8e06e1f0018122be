-- SPDX-License-Identifier: Apache-2.0
--- Files with the debug information of others, from which it was taken: found by the build-id, as
-- GDB finds them.

local core = require "tiexec.core"

local debug_files = {}

--- The folders in which they are looked for, which scripts may change.
debug_files.folders = { "/usr/lib/debug" }

--- Finds where the debug file of an object should be: the file may be another one all the same.
-- @string build_id in hexadecimal
-- @treturn ?string path; nil: it is not installed
function debug_files.of(build_id)
    local name = ("/.build-id/%s/%s.debug"):format(build_id:sub(1, 2), build_id:sub(3))
    for _, folder in ipairs(debug_files.folders) do
        if core.stat(folder .. name) then return folder .. name end
    end
end

return debug_files
