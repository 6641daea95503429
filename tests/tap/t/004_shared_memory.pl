# What the library costs in shared memory: the server's whole segment with it minus without it.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->start;

# Bytes of the whole segment, unused ones included.
sub segment_bytes
{
    my ($conf) = @_;
    $node->append_conf('postgresql.conf', $conf);
    $node->restart;
    return ask($node, 'select sum(allocated_size) from pg_shmem_allocations');
}

my $slack = 64 * 1024;
my $without = segment_bytes('');
my $with = segment_bytes("shared_preload_libraries = 'pg_stat_monitor'\npg_stat_monitor.pgsm_normalized_query = off\n");
cmp_ok($with - $without, '<=', 3 * 1024 * 1024 + $slack, 'by default at most 3 MB and 64 kB');
cmp_ok($with - $without, '>=', 2 * 1024 * 1024, 'and it is this memory that is measured');

# The memory does not grow with what runs.
ask($node, 'CREATE EXTENSION pg_stat_monitor');
ask($node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 1 .. 100) . ')');
# Which columns are named is part of a statement's identity; constants would not be.
my @pairs = map { my $first = $_; map { "SELECT c$first, c$_ FROM wide" } 1 .. 100 } 1 .. 50;
ask($node, join(";\n", @pairs));
is(ask($node, 'select sum(allocated_size) from pg_shmem_allocations'),
    $with, 'five thousand different statements later it is the same');
is(ask($node, "select coalesce(sum(allocated_size), 0) > 3 * 1024 * 1024 + $slack "
        . "from pg_shmem_allocations where name ilike '%pg_stat_monitor%'"),
    'f', 'and so are its named parts');

my $small = segment_bytes(
    "pg_stat_monitor.pgsm_max = '1MB'\n" . "pg_stat_monitor.pgsm_query_shared_buffer = '512kB'\n");
cmp_ok($small - $without, '<=', 1536 * 1024 + $slack, 'with 1MB and 512kB at most 1.5 MB and 64 kB');
is(ask($node, 'SHOW pg_stat_monitor.pgsm_max'), '1MB', 'pgsm_max is what was written');
is(ask($node, 'SHOW pg_stat_monitor.pgsm_query_shared_buffer'),
    '512kB', 'pgsm_query_shared_buffer is what was written');
ask($node, 'SELECT 1 AS small');
is(calls_of($node, 'SELECT 1 AS small'), 1, 'the small store counts');

$node->stop;
done_testing();
