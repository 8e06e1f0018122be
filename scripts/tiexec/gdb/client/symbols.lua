-- SPDX-License-Identifier: Apache-2.0
--- Symbols of a stub's program: those of its files, which this process must be able to read, too.

local core = require "tiexec.core"

local c = core.constants
local symbols = {} -- methods of a Remote

local function add(list, path, bias)
    local table_of_path = core.symbol_table()
    local has, why = table_of_path:add(path)
    list[#list + 1] = { path = path, name = path:match("[^/]*$"), bias = bias,
        symbols = has and table_of_path, why = why }
end

-- Lists the objects, the executable first. It is read anew when the process has run.
local function objects_of(remote)
    if remote.kept.objects then return remote.kept.objects end
    local path, why, errno = remote.file, nil, nil
    if not path then path, why, errno = remote:exec_file() end
    if not path then return nil, why, errno end
    local image
    image, why, errno = core.image(path)
    if not image then return nil, why, errno end
    local entry = (remote:auxv() or {}).AT_ENTRY
    local list = {}
    add(list, path, entry and entry - image.entry or 0)
    for _, library in ipairs(remote:libraries() or {}) do
        add(list, library.name, library.bias or 0)
    end
    remote.kept.objects = list
    return list
end

--- Gives the address of a symbol, as `Inferior:symbol` does.
function symbols:symbol(name, object)
    local list, why, errno = objects_of(self)
    if not list then return nil, why, errno end
    local locals
    for _, one in ipairs(list) do
        local found = one.symbols and (not object or one.name == object or one.path == object)
            and one.symbols:find(name)
        if found and not found.is_local then return found.address + one.bias end
        locals = locals or found and found.address + one.bias
    end
    if locals then return locals end
    return nil, ("there is no symbol '%s'"):format(name), c.ENOENT
end

--- Names an address, as `Inferior:symbolize` does.
function symbols:symbolize(address)
    local list, why, errno = objects_of(self)
    if not list then return nil, why, errno end
    for _, one in ipairs(list) do
        local found = one.symbols and one.symbols:at(address - one.bias)
        if found then
            local offset = address - one.bias - found.address
            return offset == 0 and found.name or found.name .. "+" .. offset
        end
    end
    return nil, ("%#x is in no symbol"):format(address), c.ENOENT
end

return symbols
