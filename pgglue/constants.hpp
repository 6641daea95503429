// Which tokens of a statement are constants: those that the parser has noted, where it is known what it noted;
// and literals beside them, or all of them, by what the grammar makes of their neighbours.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"
#include "pgglue/tokens.hpp"

namespace pgsm::glue {

/// What the parser noted of one text, in the order of the text.
struct NotedConstants {
    struct Place {
        int begin;     // bytes from the text's start; below 0: noted without a place
        int squashed;  // bytes of a squashed list, else 0
    };
    Place* place;
    int count;
    int highest_param;
};

/// Tokens that are shown as one parameter.
struct Replaced {
    uint32 first;
    uint32 count;
    uint32 begin;  // bytes; of a squashed list what the parser says, white space included
    uint32 end;
    int param;
    bool squashed;
};

/// Most entries of JumbleState that can be copied.
int noted_count(JumbleStateArg jumble);

/// Copies what the parser noted, as it stands there. `offset`: bytes of the source before the text. Returns
/// how many.
int copy_noted(JumbleStateArg jumble, int offset, NotedConstants::Place* places);

/// What find_constants() goes by.
enum class ConstantsOf : uint8 {
    query,    // all constants that the parser makes of a query
    literals  // of anything else: literals and numbers alone
};

/// The constants of a text into `found`, which has room for one for each token. Without `noted` they are
/// guessed. Returns how many; -1 when memory is short or when what was noted does not fit the text (it is read
/// in another way than the parser did). Sorts `noted`. Never raises an error.
///
/// The guess differs from the parser's list where that depends on more than the tokens: constants of ORDER BY
/// n + 1 and GROUP BY n + 1 when the same expression is in the select list (one constant to the parser),
/// numbers behind BETWEEN SYMMETRIC (noted twice until 17), NULL IS DISTINCT FROM x.
int find_constants(const Tokens& tokens, ConstantsOf of, NotedConstants* noted, Replaced* found);

}  // namespace pgsm::glue
