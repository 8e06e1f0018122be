-- SPDX-License-Identifier: Apache-2.0
--- Symbols of an inferior: addresses of names, and names of addresses. They are those of the
-- objects' files, of their debug files, and of the vdso.

local core = require "tiexec.core"
local debug_files = require "tiexec.harness.debug_files"
local files = require "tiexec.harness.files"
local objects = require "tiexec.harness.objects"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local symbols = {}
local methods = {} -- of inferiors

-- ---- the objects --------------------------------------------------------------------------------

-- By inferior: `maps`, `objects`, and the `moment` at which these were as they are.
local known = setmetatable({}, { __mode = "k" })

-- The kernel's own object, which has no file: its image is in memory.
local function new_vdso(inferior, mapping)
    local bytes = inferior:read_memory(mapping.start, mapping.stop - mapping.start)
    local image = bytes and core.image_from_memory(bytes)
    if not image then return nil end
    return { path = mapping.path, name = mapping.path, bias = mapping.start, bytes = bytes,
        segments = image.segments, mappings = { mapping },
        span = { start = mapping.start, stop = mapping.stop } }
end

-- Puts the executable first, and then what was loaded first: dynamic linkers map downwards. The
-- dynamic linker, which the kernel maps, and the vdso come last.
local function in_order_of_search(inferior, list)
    local exe = core.readlink(("/proc/%d/exe"):format(core.living(inferior:pid())))
    local linker = (inferior:auxv() or {}).AT_BASE
    local function rank(object)
        if object.path == exe then return 0 end
        return (object.bytes or object.span.start == linker) and 2 or 1
    end
    table.sort(list, function(a, b)
        if rank(a) ~= rank(b) then return rank(a) < rank(b) end
        return math.ult(b.span.start, a.span.start)
    end)
    return list
end

--- Lists all objects of an inferior in which a symbol may be, the executable first.
-- @tparam Inferior inferior
-- @treturn[1] table list of Object; that of the vdso has `bytes`, which are its image
-- @treturn[2] nil, message, errno
function symbols.objects(inferior)
    local seen, moment = known[inferior], inferior:moment()
    if seen and moment and seen.moment == moment then return seen.objects end
    local pid = core.living(inferior:pid())
    local maps, message, errno = core.read_file(("/proc/%d/maps"):format(pid))
    if not maps then return nil, message, errno end
    if seen and seen.maps == maps then
        seen.moment = moment
        return seen.objects
    end
    local mappings
    mappings, message, errno = inferior:mappings()
    if not mappings then return nil, message, errno end
    local list = objects.all(inferior, mappings)
    for _, mapping in ipairs(mappings) do
        if mapping.path == "[vdso]" then list[#list + 1] = new_vdso(inferior, mapping) end
    end
    known[inferior] = { maps = maps, objects = in_order_of_search(inferior, list),
        moment = moment }
    return list
end

-- ---- their tables -------------------------------------------------------------------------------

local tables = {} -- by the identity of a file

--- Gives a path by which this process can read an object's file, or nil.
-- @int pid
-- @tparam Object object
-- @treturn ?string
function symbols.path_of(pid, object)
    local mapping = object.mappings[1]
    local file = mapping and files.of(pid, mapping)
    if file and file.path then return file.path end
    local path = mapping and ("/proc/%d/map_files/%x-%x"):format(pid, mapping.start, mapping.stop)
    return path and core.stat(path) and path
end

-- With other folders of debug files a table may be another one.
local function folders() return table.concat(debug_files.folders, ":") end

local function identity(stat)
    return ("%x:%x:%x:%x %s"):format(stat.device, stat.inode, stat.size, stat.mtime, folders())
end

-- Reads the symbols of a file, and of its debug file if the file does not have them all.
local function read_table(path, build_id)
    local new = core.symbol_table()
    local has, why = new:add(path)
    if not has then return { lacks = why } end
    local debug_file = has ~= "all" and build_id and debug_files.of(build_id)
    if debug_file then
        local added, wrong = new:add(debug_file, build_id)
        if not added then why = wrong end
    end
    return { table = new, lacks = why }
end

-- Looks for the symbols of an object.
local function look_for_table(inferior, object)
    if object.bytes then
        if not object.symbols then
            local new = core.symbol_table()
            object.symbols = { table = new:add_image(object.bytes) and new }
        end
        return object.symbols
    end
    local path = symbols.path_of(inferior:pid(), object)
    local stat = path and core.stat(path)
    if not stat then return { lacks = object.path .. ": its file cannot be had any more" } end
    local key = identity(stat)
    tables[key] = tables[key] or read_table(path, object.build_id)
    return tables[key]
end

-- Gives the symbols of an object: `table`, and `lacks`, what could not be read. The file is looked
-- for once, for as long as the same is mapped at the same places: then the object is another one.
local function table_of(inferior, object)
    if object.source and object.sought_in == folders() then return object.source end
    local source = look_for_table(inferior, object)
    if source.table then object.source, object.sought_in = source, folders() end
    return source
end

-- Makes a Symbol of an entry of a table.
local function new_symbol(entry, object)
    entry.address = entry.address + object.bias
    entry.object = object
    return entry
end

-- ---- names to addresses -------------------------------------------------------------------------

-- Tells whether a script may mean an object by a name: its path, its file's name, or that name
-- without its end ("libc" for libc.so.6).
local function is_called(object, name)
    if object.path == name or object.name == name then return true end
    return object.name:sub(1, #name) == name and object.name:find("^[.-]", #name + 1) ~= nil
end

-- Lists the objects that are to be searched. `wanted` is a name, an Object, or nil: all.
local function select_objects(inferior, wanted)
    local list, message, errno = symbols.objects(inferior)
    if not list or wanted == nil then return list, message, errno end
    local some = {}
    for _, object in ipairs(list) do
        local name = type(wanted) == "table" and wanted.path or wanted
        if is_called(object, name) then some[#some + 1] = object end
    end
    if #some > 0 then return some end
    local text = type(wanted) == "table" and wanted.path or tostring(wanted)
    return nil, ("there is no object '%s'"):format(text), c.ENOENT
end

--- Finds a symbol by its name: a function or data. A global symbol of any object goes before a
-- local one. Objects are searched in the order in which they were loaded, the executable first.
-- @string name without a version
-- @tparam[opt] string|Object object where alone it is looked for: its name, or its path
-- @treturn[1] Symbol
-- @treturn[2] nil, message, errno (ENOENT: there is no such symbol, or object)
-- @usage
-- local symbol = inferior:lookup_symbol("primes")
-- print(symbol.kind, symbol.size, symbol.is_local, symbol.object.name) --> object 16 false example
function methods:lookup_symbol(name, object)
    if type(name) ~= "string" then error("lookup_symbol: a name expected", 2) end
    local list, message, errno = select_objects(self, object)
    if not list then return nil, message, errno end
    local locals, lacks
    for _, one in ipairs(list) do
        local source = table_of(self, one)
        local found = source.table and source.table:find(name)
        lacks = lacks or source.lacks
        if found and not found.is_local then return new_symbol(found, one) end
        locals = locals or found and new_symbol(found, one)
    end
    if locals then return locals end
    local why = lacks and (" (%s)"):format(lacks) or ""
    return nil, ("there is no symbol '%s'%s"):format(name, why), c.ENOENT
end

--- Gives the address of a symbol, which is found as `lookup_symbol` does.
-- @string name without a version
-- @tparam[opt] string|Object object where alone it is looked for: its name, or its path
-- @treturn[1] int address. Of an "ifunc" it is that of the function that chooses the implementation
-- @treturn[2] nil, message, errno (ENOENT: there is no such symbol, or object)
-- @usage
-- print(inferior:read_i32(inferior:symbol("counter"))) --> 40
-- print(inferior:symbol("malloc", "libc") ~= nil) --> true
-- print(inferior:symbol("no_such_name")) --> nil there is no symbol 'no_such_name' 2
function methods:symbol(name, object)
    if type(name) ~= "string" then error("symbol: a name expected", 2) end
    local symbol, message, errno = methods.lookup_symbol(self, name, object)
    if not symbol then return nil, message, errno end
    return symbol.address
end

-- ---- addresses to names -------------------------------------------------------------------------

--- Finds the object that an address lies in.
-- @tparam table list of Object
-- @int address
-- @treturn ?Object
function symbols.object_at(list, address)
    for _, object in ipairs(list) do
        if ranges.contains(object.span, address) then return object end
    end
end

--- Finds the symbol that an address lies in.
-- @int address
-- @treturn[1] Symbol with `offset`, the bytes from the symbol's address to this one
-- @treturn[2] nil, message, errno (ENOENT: there is none)
-- @usage
-- local symbol = inferior:symbol_at(inferior:symbol("primes") + 5)
-- print(symbol.name, symbol.offset) --> primes 5
function methods:symbol_at(address)
    if math.type(address) ~= "integer" then error("symbol_at: an address expected", 2) end
    local list, message, errno = symbols.objects(self)
    if not list then return nil, message, errno end
    local object = symbols.object_at(list, address)
    if not object then return nil, ("%#x is in no object"):format(address), c.ENOENT end
    local source = table_of(self, object)
    local found = source.table and source.table:at(address - object.bias)
    if not found then
        local why = source.lacks and (" (%s)"):format(source.lacks) or ""
        return nil, ("%#x is in no symbol of %s%s"):format(address, object.path, why), c.ENOENT
    end
    local symbol = new_symbol(found, object)
    symbol.offset = address - symbol.address
    return symbol
end

--- Writes a Symbol with its offset, for people.
-- @tparam Symbol symbol
-- @treturn string
function symbols.text(symbol)
    return symbol.offset == 0 and symbol.name or symbol.name .. "+" .. symbol.offset
end

--- Names an address by the symbol that it lies in.
-- @int address
-- @treturn[1] string such as "main+27", or "main" for its own address
-- @treturn[2] nil, message, errno (ENOENT: it is in no symbol)
-- @usage
-- print(inferior:symbolize(inferior:symbol("add") + 2)) --> add+2
function methods:symbolize(address)
    if math.type(address) ~= "integer" then error("symbolize: an address expected", 2) end
    local symbol, message, errno = methods.symbol_at(self, address)
    if not symbol then return nil, message, errno end
    return symbols.text(symbol)
end

symbols.methods = methods
return symbols
