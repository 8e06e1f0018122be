-- SPDX-License-Identifier: Apache-2.0
-- For wrk: writes keys into etcd, each another one: `wrk … -s writes.lua URL -- FIRST`. One thread does all of it.

local threads, digits = {}, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local n

-- Base64 of a text of whole groups of three bytes.
local function base64(text)
    return (text:gsub("...", function(three)
        local a, b, c = three:byte(1, 3)
        local all, word = a * 65536 + b * 256 + c, ""
        for _ = 1, 4 do
            word = digits:sub(all % 64 + 1, all % 64 + 1) .. word
            all = math.floor(all / 64)
        end
        return word
    end))
end

function setup(thread) threads[#threads + 1] = thread end

function init(arguments) n, right, wrong = tonumber(arguments[1]), 0, 0 end

function request()
    n = n + 1
    return wrk.format("POST", "/v3/kv/put", nil,
        ('{"key":"%s","value":"%s"}'):format(base64(("key%09d"):format(n)), base64 "valued"))
end

function response(status)
    if status == 200 then right = right + 1 else wrong = wrong + 1 end
end

function done(summary)
    local errors = summary.errors
    print(("right %d wrong %d lost %d"):format(threads[1]:get "right", threads[1]:get "wrong",
        errors.connect + errors.read + errors.write + errors.timeout))
end
