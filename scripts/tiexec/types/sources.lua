-- SPDX-License-Identifier: Apache-2.0
---@meta
-- Sources of huge pages.

---@alias Prepare fun(target: Target, range: Range, host: Host)
---@alias Offers fun(host: Host): boolean?, string?
---@alias Fit fun(target: Target, range: Range, host: Host): Part?, string?
---@alias Replace fun(target: Target, part: Part, host: Host, how: RunOptions): boolean?, string?

--- Where huge pages come from (sources/init.lua). A function that fails gives nil and the reason;
--- `replace` adds "broken" if it knows that the text of the process is not whole any more.
---@class Source
---@field name SourceName The name of the source.
---@field description string The source in a few words.
---@field uses_pool boolean? Whether the host must be described anew for each range.
---@field offers Offers? Tells whether the host has such pages; nil: it offers PMD-sized ones alone.
---@field fit Fit Gives the part of a range that the source could serve now; nothing is changed.
---@field prepare Prepare? Opens what `replace` needs of files, for a range of a running process.
---@field release fun()? Closes what `prepare` has opened, when the process runs again.
---@field keeps_file boolean? Whether the text stays a mapping of its own file.
---@field replace Replace Puts huge pages with the same bytes in the place of a part.
---@field anonymous boolean? Whether the text becomes anonymous memory, which perf needs a map for.
---@field will_serve (fun(target: Target, range: Range, host: Host): boolean)? Tells whether the
--- source is certain to serve a range of a process that runs: the others prepare nothing then.
---@field replace_in_place (fun(target: Target, part: FilePart, host: Host): boolean)? Serves a part
--- by the mappings that it has. false: the part is as it was.
---@field rehearse fun(target: Target, host: Host)? Makes the same system calls, to no effect.

--- The part of a range that a source can serve (a source's `fit`). A source may add fields.
---@class Part: Range
---@field below string? What keeps the source from serving what lies below.
---@field above string? What keeps the source from serving what lies above.

--- The part that the source `file` can serve (sources/file.lua).
---@class FilePart: Part
---@field text Mapping The largest text of the range.
---@field base integer The address at which the first byte of the file would be mapped.
---@field mappings Mapping[] The mappings of the process.

--- The part that the source `shared` can serve (sources/shared.lua).
---@class SharedPart: Part
---@field text Mapping The largest text of the range.
---@field original Original The file that the text is from.
---@field offset integer Where the text begins in the copy.
---@field huge integer The size of a huge page.
---@field pieces Piece[] What the part is made of.

--- The file that a copy of the source `shared` is made from.
---@class Original
---@field path string The path that /proc/PID/maps has.
---@field readable string A path by which this process can read the file.
---@field stat Stat What stat(2) tells of the file.
---@field build_id string? The build-id in hexadecimal, where the file has one.
---@field bias integer The load bias of the object.

--- A piece of a range: a mapping's share of the range, or a gap (sources/pieces.lua).
---@class Piece: Range
---@field perms string? The protection in letters; nil: nothing is mapped here.
---@field inode integer? The inode that was mapped here.
---@field protection integer? The protection as mmap takes it; nil: nothing is mapped here.
---@field offset integer? The offset in the file; a gap has one where it is known how the file lies.
---@field foreign string? What the piece is, if it is not the file's own bytes.

--- A stretch of memory with its properties (harness/properties.lua).
---@class Stretch: Range
---@field given table<string, boolean> The VmFlags of smaps that other memory there must be given.
