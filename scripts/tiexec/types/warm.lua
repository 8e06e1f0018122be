-- SPDX-License-Identifier: Apache-2.0
---@meta
-- What --warm finds, and does.

--- What a program file needs before it begins (harness/needs.lua).
---@class Needs
---@field stat Stat What stat(2) tells of the file.
---@field image Image? Its headers; nil: it is a script.
---@field interpreter string? Of a script: the path of what runs it.
---@field linker string? The path of its dynamic linker.
---@field libraries string[] The names of the libraries that it needs.
---@field rpath string[]? Where these, and what they need, are looked for first.
---@field runpath string[]? Where these are looked for first.

--- One file that was warmed (warm/init.lua).
---@class WarmRow
---@field path string The path of the file, without links.
---@field by string? The path of the file that needs it; nil: it was asked for itself.
---@field text integer The bytes of its text.
---@field bytes integer The bytes in whole huge pages that have some of its text.
---@field before integer How many of these were on huge pages.
---@field after integer How many of these are.
---@field parts Range[] Where these are in the file.
---@field kept integer? How many are held in memory.
---@field wrong boolean? Whether it is no program.
---@field why string? Why not all of it is huge.
---@field code WarmCode? The same, for programs.

---@alias WarmCode "mapped-small"|"no-large-folios"|"too-small"|"not-read"|"no-program"
