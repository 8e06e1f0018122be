-- SPDX-License-Identifier: Apache-2.0
-- Recordings of commands, for the strategy hot.

local support = require "tests.lib.support"

local recorded = {}

--- Records a command.
-- @tparam table command words
-- @string path for the recording
-- @treturn[1] string the path
-- @treturn[2] nil, string why there is none
function recorded.make(command, path)
    local result = support.run(support.concat({ support.tiexec, "--record", "-o", path, "--" }, command))
    if support.read_file(path) then return path end
    return nil, result.err:match("[^\n]*")
end

return recorded
