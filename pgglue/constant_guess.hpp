// Which tokens of a statement are constants, told from the tokens alone.
#pragma once

#include "core/api.hpp"

#include "pgglue/constants.hpp"

namespace pgsm::glue {

/// find_constants() where the parser's notes are not known, or not enough: `noted` (sorted; may be null) are
/// constants in any case, beside them literals and numbers alone. -1 when memory is short.
int guess_constants(const Tokens& tokens, ConstantsOf of, const NotedConstants* noted, Replaced* found);

/// Steps through the parser's notes with the tokens of their text.
class NotedReader {
public:
    NotedReader(const Tokens& tokens, const NotedConstants* noted)
        : tokens_(tokens), noted_(noted), next_(0), param_(noted != nullptr ? noted->highest_param : 0) {}
    /// Whether a noted constant begins at this token, which is behind those of the calls before. Sets all but
    /// nothing else of `found` then.
    bool at(uint32 i, Replaced& found);
    int param() const { return param_; }
    /// The number of a constant that was not noted.
    int next_param() { return ++param_; }
    /// After the last token: all notes have been found where a token begins.
    bool complete() const { return noted_ == nullptr || next_ == noted_->count; }

private:
    const Tokens& tokens_;
    const NotedConstants* noted_;
    int next_;
    int param_;
};

}  // namespace pgsm::glue
