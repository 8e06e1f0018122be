-- SPDX-License-Identifier: Apache-2.0
--- Methods of inferiors that scripts have and a start does not need: the module of each is loaded
-- when the first of its methods is asked for.

local core = require "tiexec.core"

local late = {}

core.open_late(core)

-- The names of the methods, and their modules: `methods` of each has them.
local modules = {
    { load = function() return require "tiexec.harness.backtraces" end, names = { "backtrace" } },
    { load = function() return require "tiexec.harness.calls" end, names = { "call" } },
    { load = function() return require "tiexec.harness.cores" end, names = { "core" } },
    { load = function() return require "tiexec.harness.symbols" end,
        names = { "symbol", "lookup_symbol", "symbolize", "symbol_at" } },
    { load = function() return require "tiexec.harness.values" end, names = { "read_string",
        "read_u8", "read_i8", "read_u16", "read_i16", "read_u32", "read_i32", "read_u64",
        "read_i64", "read_pointer", "read_float", "read_double", "write_string", "write_u8",
        "write_i8", "write_u16", "write_i16", "write_u32", "write_i32", "write_u64", "write_i64",
        "write_pointer", "write_float", "write_double" } },
}

local by_name = {}
for _, module in ipairs(modules) do
    for _, name in ipairs(module.names) do by_name[name] = module end
end

--- Finds a method by its name.
-- @tparam table methods where all methods of its module are put, for later uses
-- @string name
-- @treturn ?func
function late.find(methods, name)
    local module = by_name[name]
    if not module then return nil end
    for other, method in pairs(module.load().methods) do methods[other] = method end
    return methods[name]
end

--- Lists the names of all such methods.
-- @treturn table
function late.names()
    local list = {}
    for name in pairs(by_name) do list[#list + 1] = name end
    return list
end

return late
