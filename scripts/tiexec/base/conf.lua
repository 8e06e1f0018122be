-- SPDX-License-Identifier: Apache-2.0
--- /etc/tiexec/tiexec.conf, the defaults of this host: lines of NAME = VALUE. A line that begins
-- with "#" is a comment.

local core = require "tiexec.core"

local conf = {}

local PATH <const> = "/etc/tiexec/tiexec.conf"

local known -- what is in the file, once it has been read

local function read()
    local words, why = core.read_file(PATH), nil
    local found = { list = {}, complaints = {}, by_name = {} }
    if words then why = core.distrust(PATH) end
    if why then
        found.complaints[1] = ("%s: not used, as root: %s"):format(PATH, why)
        return found
    end
    local number = 0
    for line in ((words or "") .. "\n"):gmatch("([^\n]*)\n") do
        number = number + 1
        local name, value = line:match("^%s*([%w-]+)%s*=%s*(.-)%s*$")
        if name then
            found.by_name[name] = value
            found.list[#found.list + 1] = { name = name, value = value, line = number }
        elseif line:find("^%s*[^%s#]") then
            found.complaints[#found.complaints + 1] = ("%s:%d: not NAME = VALUE"):format(PATH,
                number)
        end
    end
    return found
end

--- What the file has.
-- @treturn table `list` of `{ name, value, line }`, `by_name`, and `complaints`, a list of strings
function conf.all()
    known = known or read()
    return known
end

--- The value of one name, a string; nil: the file has none.
-- @string name
function conf.value(name) return conf.all().by_name[name] end

conf.path = PATH

return conf
