// Where the constants of a statement are, and its text with $n in their places. The parser notes the
// constants by their bytes, which differ from one execution to the next (`n = 1`, `n = 1000`); what stays the
// same are the positions of their tokens. So those are what a backend remembers of a statement.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

#include <span>

namespace pgsm::glue {

/// The constants of a statement by the numbers of their tokens, packed: about a byte for each constant.
struct ConstantMarks {
    std::span<const uint8> packed;
    uint32 tokens;  // of the whole statement
    uint16 highest_param;
};

/// What is executed by `text`: behind PREPARE … AS and behind EXPLAIN …, else all of it. Allocates.
std::string_view executed_part(std::string_view text);
/// The same, behind EXPLAIN alone.
std::string_view explained_part(std::string_view text);

/// Where the constants of one text are, in bytes: good for that text alone, and without scanning it once
/// more.
struct ConstantPlaces {
    static constexpr int kMost = 128;
    struct Place {
        int begin;
        int end;
        int param;
        bool squashed;
    };
    int count;
    bool complete;  // false: there were more
    Place place[kMost];
};

/// Packs what the parser noted, and notes the places in this text. `offset`: bytes of the source before
/// `text`. False when `room` is too small. Allocates.
bool mark_constants(std::string_view text, int64 offset, JumbleStateArg jumble, std::span<uint8> room,
                    ConstantMarks& marks, ConstantPlaces& places);

/// The text with the constants at `places`, which are all of them, replaced. Allocates.
std::string_view replace_places(std::string_view text, const ConstantPlaces& places);

/// The text with its constants replaced; an empty view without data when the text's tokens are not those that
/// the marks were made of (another spelling of the same statement). Allocates.
std::string_view replace_marked(std::string_view text, const ConstantMarks& marks);

/// The same with nothing but the text to go by: what looks like a constant to who knows the grammar. Differs
/// from the parser's list where that depends on more than the tokens: constants of ORDER BY n + 1 and GROUP
/// BY n + 1 when the same expression is in the select list (one constant to the parser), numbers behind
/// BETWEEN SYMMETRIC (noted twice until 17), NULL IS DISTINCT FROM x, lists with casts (squashed from 18 on).
/// Allocates.
std::string_view replace_guessed(std::string_view text);

}  // namespace pgsm::glue
