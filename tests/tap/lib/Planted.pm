# Where in the files of a stopped server markers are, told by what each file belongs to.
package Planted;
use strict;
use warnings;

use Exporter 'import';
use File::Find;
use Monitor;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(owners_of_files look_at_files);

# File of the data directory => what it belongs to.
sub owners_of_files
{
    my ($server) = @_;
    my %owner;
    my $names =
        q{SELECT pg_relation_filepath(c.oid) || ' ' || CASE WHEN h.oid IS NULL THEN c.relname ELSE 'TOAST of ' || h.relname END
      FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class h ON h.reltoastrelid IN (c.oid, i.indrelid) AND c.relnamespace = 99
      WHERE pg_relation_filepath(c.oid) IS NOT NULL};
    for my $database (qw(postgres template1))
    {
        for (split(/\n/, ask_in($database, $server, $names)))
        {
            my ($file, $name) = split(/ /, $_, 2);
            $owner{$file} = $name;
        }
    }
    return %owner;
}

# Where in the files of a stopped server which markers are: { place => { marker => 1 } }.
sub look_at_files
{
    my ($server, %owner) = @_;
    my %seen;
    my $top = $server->data_dir;
    find(
        {
            no_chdir => 1,
            wanted => sub {
                return unless -f $_;
                my $file = substr($_, length($top) + 1);
                my $place = $owner{ $file =~ s/(_\w+)?(\.\d+)?$//r }
                    // ($file =~ /^(pg_wal|base|pg_notify)\b/ ? $1 : $file);
                my $bytes = slurp_file($_);
                $seen{$place}{$&} = 1 while $bytes =~ /zq(?:sec|con|ali)\d{4}zq|917000\d{4}917/g;
            }
        },
        $top);
    return \%seen;
}

1;
