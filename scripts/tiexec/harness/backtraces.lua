-- SPDX-License-Identifier: Apache-2.0
--- Backtraces: which functions a thread is in the midst of. They go by the tables that compilers
-- make for exceptions, if libdw is installed, and by frame pointers otherwise.

local core = require "tiexec.core"
local debug_files = require "tiexec.harness.debug_files"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local symbols = require "tiexec.harness.symbols"

local c = core.constants
local methods = {} -- of inferiors

local LIMIT <const> = 256 -- frames
local MOST <const> = 65536
local WORD <const> = 8
local PROLOGUE <const> = 16 -- bytes; a function has its frame after that

-- ---- by tables ----------------------------------------------------------------------------------

local unwinders = setmetatable({}, { __mode = "k" }) -- by inferior: `objects`, `unwinder`

local function new_unwinder(inferior, objects)
    local unwinder, message, errno = core.unwinder(inferior:pid())
    if not unwinder then return nil, message, errno end
    for _, object in ipairs(objects) do
        local path = object.bytes and object.path or symbols.path_of(inferior:pid(), object)
        local debug = object.build_id and debug_files.of(object.build_id)
        if path then unwinder:add(path, object.bias, debug, object.bytes) end
    end
    return unwinder
end

-- AArch64 kernels have no table for the code of theirs that signal handlers return to: what libdw
-- says beyond it is made up.
local TRAMPOLINE <const> = "__kernel_rt_sigreturn"

-- Cuts the frames off behind that code.
local function cut(inferior, pcs, activations, whole)
    local trampoline = inferior:symbol(TRAMPOLINE, "[vdso]")
    for i, pc in ipairs(pcs) do
        if pc == trampoline and i < #pcs then
            for j = #pcs, i + 1, -1 do pcs[j], activations[j] = nil, nil end
            return pcs, activations, false
        end
    end
    return pcs, activations, whole
end

-- Gives the pcs of the frames, whether each is where the frame is, and whether they are all.
local function by_tables(inferior, thread, limit)
    local objects, message, errno = symbols.objects(inferior)
    if not objects then return nil, message, errno end
    local seen = unwinders[inferior]
    if not (seen and seen.objects == objects) then
        local unwinder
        unwinder, message, errno = new_unwinder(inferior, objects)
        if not unwinder then return nil, message, errno end
        seen = { objects = objects, unwinder = unwinder }
        unwinders[inferior] = seen
    end
    local pcs, activations, whole = seen.unwinder:frames(inferior, thread, limit)
    if not pcs then return nil, activations, whole end
    return cut(inferior, pcs, activations, whole)
end

-- ---- by frame pointers --------------------------------------------------------------------------

-- Gives the caller's address for a function that has not made its frame yet, or nil.
local function early_caller(inferior, thread, pc)
    local symbol = inferior:symbol_at(pc)
    if not symbol or symbol.offset > PROLOGUE then return nil end
    local code = inferior:read_memory(symbol.address, symbol.offset)
    local where, place = core.return_place(code or "")
    if where == "frame" then return nil end
    if where == "register" then return inferior:read_register(place, thread) end
    return inferior:read_pointer(inferior:read_register("sp", thread) + place)
end

local function is_text(mappings, address)
    local mapping = ranges.find(mappings, address)
    return mapping ~= nil and protection.is_executable(mapping.perms)
end

-- The same results as those of `by_tables`. A frame begins with the caller's frame pointer, and the
-- caller's address comes after it. Frames lie one above the other on one stack.
local function by_frame_pointers(inferior, thread, limit)
    local pc, message, errno = inferior:read_register("pc", thread)
    if not pc then return nil, message, errno end
    local mappings
    mappings, message, errno = inferior:mappings()
    if not mappings then return nil, message, errno end
    local pcs, activations = { pc }, { true }
    local function add(address)
        if #pcs >= limit or not is_text(mappings, address - 1) then return false end
        pcs[#pcs + 1], activations[#activations + 1] = address, false
        return true
    end
    local early = early_caller(inferior, thread, pc)
    if early then add(early) end
    local frame = inferior:read_register("fp", thread)
    local stack = ranges.find(mappings, inferior:read_register("sp", thread))
    while stack and frame % WORD == 0 and ranges.contains(stack, frame) do
        local saved = inferior:read_pointer(frame, 2)
        if not saved or not add(saved[2]) or saved[1] <= frame then break end
        frame = saved[1]
    end
    return pcs, activations, false
end

-- ---- both ---------------------------------------------------------------------------------------

local ways = { ["tables"] = by_tables, ["frame-pointers"] = by_frame_pointers }

local function check_options(options)
    for name, value in pairs(options) do
        if name == "by" and not ways[value] then
            error("backtrace: by is 'tables' or 'frame-pointers'", 3)
        elseif name == "limit" and not (math.type(value) == "integer" and value > 0
            and value <= MOST) then
            error(("backtrace: limit is 1 to %d frames"):format(MOST), 3)
        elseif name ~= "by" and name ~= "limit" then
            error(("backtrace: unknown option '%s'"):format(name), 3)
        end
    end
end

local function list_pcs(inferior, thread, options)
    local limit = options.limit or LIMIT
    if options.by then return options.by, ways[options.by](inferior, thread, limit) end
    local pcs, activations, whole = by_tables(inferior, thread, limit)
    if pcs and #pcs > 1 then return "tables", pcs, activations, whole end
    local errno = whole
    if not pcs and errno ~= c.ELIBACC then return "tables", pcs, activations, errno end
    return "frame-pointers", by_frame_pointers(inferior, thread, limit)
end

-- A return address may be that of the next function, if the call was the last instruction: so the
-- byte before it is looked up.
local function new_frame(inferior, pc, is_activation)
    local symbol = inferior:symbol_at(is_activation and pc or pc - 1)
    if not symbol then return { pc = pc, text = ("%#x"):format(pc) } end
    symbol.offset = pc - symbol.address
    return { pc = pc, symbol = symbol, name = symbol.name, text = symbols.text(symbol) }
end

--- Lists the frames of a stopped thread, the innermost first.
-- @int[opt] thread its id; the selected one when absent
-- @tparam[opt] table options `by`: "tables" or "frame-pointers", where by default tables are used
-- if they lead anywhere; `limit`: how many frames at most, 256 when absent. Others raise
-- @treturn[1] table list of Frame; `by` says how it was made, and `complete` whether it is known
-- that the last frame has no caller
-- @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone; ELIBACC:
-- tables were asked for, and libdw.so.1 is not installed)
-- @usage
-- inferior:advance("count")
-- for i, frame in ipairs(inferior:backtrace()) do
--     if i <= 2 then print(frame.text) end
-- end
-- --> count
-- --> main+…
function methods:backtrace(thread, options)
    options = options or {}
    check_options(options)
    thread = thread or self:threads()[1]
    local pc, why, refused = self:read_register("pc", thread)
    if not pc then return nil, why, refused end
    local by, pcs, activations, complete = list_pcs(self, thread, options)
    if not pcs then return nil, activations, complete end
    local frames = { by = by, complete = complete }
    for i, address in ipairs(pcs) do frames[i] = new_frame(self, address, activations[i]) end
    return frames
end

return { methods = methods }
