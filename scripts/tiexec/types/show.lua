-- SPDX-License-Identifier: Apache-2.0
---@meta
-- Tables and reports.

--- By which pages a range is mapped (show/report.lua).
---@class CountedPages
---@field huge_bytes integer The bytes on pages larger than the base page.
---@field pages PageCount[] The pages by size, the largest first.
---@field total integer The number of all pages.
---@field huge integer The number of pages larger than the base page.
---@field small integer The number of base pages.

--- What a report tells of one executable mapping.
---@class ReportRow: Range
---@field object string The path of the mapping's object or file.
---@field size integer The size of the mapping.
---@field before CountedPages The pages before anything was done.
---@field after CountedPages The pages afterwards.
---@field source string? The sources of the huge pages, separated by commas.
---@field seconds number? How long the sources took.
---@field why string[] The reasons why it is as it is.

--- The sums of a report's rows.
---@class ReportTotals
---@field bytes integer The bytes of text.
---@field huge_bytes integer The bytes of text on huge pages afterwards.
---@field pages_before integer The number of pages before.
---@field pages_after integer The number of pages afterwards.
---@field seconds number How long the sources took.

--- What was planned, and what came of it (show/report.lua).
---@class Report
---@field outcome Outcome The outcome that the report is about.
---@field chosen Chosen The settings in force.
---@field page_sizes integer[] The other sizes that pages may have, the largest first.
---@field rows ReportRow[] The executable mappings in question, in order of address.
---@field totals ReportTotals? The sums; nil: the report is not finished.
---@field finish fun(self: Report): boolean?, string? Completes, shows and writes it.
