-- What is read of a text speaks to nobody, and what is learnt without a catalog is not kept.
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_pgsm_alice;
-- One NOTICE, the parser's.
SELECT 1 AS a123456789b123456789c123456789d123456789e123456789f123456789_more;
-- The first statement of a role in this session cannot be parsed: no catalog can be asked for the role's name.
SET ROLE regress_pgsm_alice;
SLECT 1;
SELECT 2 AS after_error;
RESET ROLE;
SELECT query, username FROM pg_stat_monitor WHERE userid = 'regress_pgsm_alice'::regrole ORDER BY query COLLATE "C";
DROP ROLE regress_pgsm_alice;
