#include "core/api.hpp"

#include "pgglue/constants.hpp"

#include "pgglue/constant_guess.hpp"

#include <algorithm>

namespace pgsm::glue {

int noted_count(JumbleStateArg jumble) { return jumble->clocations_count; }

int copy_noted(JumbleStateArg jumble, int offset, NotedConstants::Place* places) {
    int count = 0;
    for (int i = 0; i < jumble->clocations_count; ++i) {
        [[maybe_unused]] const auto& noted = jumble->clocations[i];
        if (PGSM_KEPT_PARAMETER(jumble, noted)) continue;
        places[count++] = {noted.location < 0 ? -1 : noted.location - offset,
                           static_cast<int>(PGSM_SQUASHED_BYTES(noted))};
    }
    return count;
}

bool NotedReader::at(uint32 i, Replaced& found) {
    if (noted_ == nullptr) return false;
    const core::SqlToken& token = tokens_.all[i];
    // A constant may be noted twice, or without a place.
    while (next_ < noted_->count &&
           (noted_->place[next_].begin < 0 ||
            (next_ > 0 && noted_->place[next_].begin == noted_->place[next_ - 1].begin)))
        ++next_;
    if (next_ == noted_->count) return false;
    const NotedConstants::Place& place = noted_->place[next_];
    const auto begin = static_cast<uint32>(place.begin);
    // A list begins behind its parenthesis.
    if (begin != token.begin && (place.squashed == 0 || begin > token.begin)) return false;
    ++next_;
    uint32 length = 1;
    if (place.squashed > 0) {
        const auto end = static_cast<uint32>(place.begin + place.squashed);
        while (i + length < tokens_.count && tokens_.all[i + length].begin < end) ++length;
    } else if (token.symbol == '-') {
        // Of -(5) the parser notes the sign; the number is found for being one.
        if (tokens_.all[i + 1].kind != core::TokenKind::number) return false;
        length = 2;
    }
    const uint32 end =
        place.squashed > 0 ? begin + static_cast<uint32>(place.squashed) : tokens_.all[i + length - 1].end;
    found = {i, length, begin, end, ++param_, place.squashed > 0};
    // What was noted inside of a list went with it.
    while (place.squashed > 0 && next_ < noted_->count &&
           noted_->place[next_].begin < place.begin + place.squashed)
        ++next_;
    return true;
}

namespace {

/// Notes behind the last token that are of no place: the end of the list.
bool all_found(NotedReader& reader, const Tokens& tokens) {
    Replaced none;
    static_cast<void>(reader.at(tokens.count, none));
    return reader.complete();
}

bool is_literal(const core::SqlToken& token) {
    return token.kind == core::TokenKind::string || token.kind == core::TokenKind::bit_string ||
           token.kind == core::TokenKind::number;
}

/// A short way for most utility statements, without key words. -1 where a number may be part of a type's name, a
/// position or the like, by marks that these can't do without.
int all_literals(const Tokens& tokens, Replaced* found) {
    int count = 0;
    for (uint32 i = 0; i < tokens.count; ++i) {
        const core::SqlToken& token = tokens.all[i];
        if (token.kind == core::TokenKind::identifier) {
            const char* word = tokens.text.data() + token.begin;
            if (token.end - token.begin == 2 && (word[0] | 0x20) == 'b' && (word[1] | 0x20) == 'y') return -1;
        } else if (is_literal(token)) {
            const bool sign = i > 1 && token.kind == core::TokenKind::number &&
                              tokens.all[i - 1].symbol == '-' && tokens.all[i - 2].symbol == '=';
            const uint32 first = sign ? i - 1 : i;
            found[count] = {first, i - first + 1, tokens.all[first].begin, token.end, count + 1, false};
            ++count;
        } else if (token.symbol == '(' || token.symbol == '[' || token.kind == core::TokenKind::parameter) {
            return -1;
        }
    }
    return count;
}

}  // namespace

int find_constants(const Tokens& tokens, ConstantsOf of, NotedConstants* noted, Replaced* found) {
    if (of == ConstantsOf::literals && (noted == nullptr || noted->count == 0)) {
        const int count = all_literals(tokens, found);
        if (count >= 0) return count;
    }
    if (noted == nullptr) return guess_constants(tokens, of, nullptr, found);
    std::sort(noted->place, noted->place + noted->count,
              [](const NotedConstants::Place& a, const NotedConstants::Place& b) { return a.begin < b.begin; });
    NotedReader reader{tokens, noted};
    int count = 0;
    bool others = false;
    for (uint32 i = 0; i < tokens.count; ++i) {
        if (reader.at(i, found[count]))
            i += found[count++].count - 1;
        else
            others |= is_literal(tokens.all[i]);
    }
    if (!all_found(reader, tokens)) return -1;
    // The parser takes no note of what is written twice (GROUP BY), and of what is no constant to it.
    return others ? guess_constants(tokens, of, noted, found) : count;
}

}  // namespace pgsm::glue
